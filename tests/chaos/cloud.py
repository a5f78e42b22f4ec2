"""What is really there: the containers of all regions, read past the app."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from azure.storage.blob.aio import BlobServiceClient

from devstack.azurite import Azurite
from registry_api.provisioning.accounts import account_of
from tests.chaos.ledger import Json


class Place(NamedTuple):
    """Where a container is."""

    region: str
    container: str


async def containers(azurite: Azurite, regions: Sequence[str]) -> dict[Place, str]:
    """Return the containers of regions, with the key of the registry that each was made for."""
    found = {}
    for region in regions:
        async with BlobServiceClient.from_connection_string(azurite.connection_string(account_of(region))) as client:
            async for container in client.list_containers(include_metadata=True):
                found[Place(region, container.name)] = (container.metadata or {}).get("registry", "")
    return found


def told(body: Json) -> Mapping[str, set[Place]]:
    """Return the containers that a registry's status tells of, by the state of their region."""
    by_state = defaultdict[str, set[Place]](set)
    home = body["status"]["container_registry"]
    for region in body["status"]["regions"]:
        location, state = region["location"], region["state"]
        by_state[state] |= {Place(location, f"{account['name']}-assets") for account in region["storage_accounts"]}
        if region["container_registry_replica"] is not None and home is not None:
            by_state[state].add(Place(location, home["name"]))
    return by_state


def wanted(body: Json) -> dict[str, int]:
    """Return how many containers each region is to have, from what a registry's owner wrote."""
    return {
        region["location"]: region["storage_config"]["replication_count"] + 1
        for region in body["replication_locations"]
    }
