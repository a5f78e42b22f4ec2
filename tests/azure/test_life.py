"""A registry's life on Azure: it comes, grows, shrinks and goes, and exactly what it is to have is there."""

from typing import Any

import pytest

from registry_api.domain.drift import CHECK_INTERVAL
from registry_api.domain.plan import Action, Verb
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.registry import DRIFTED
from registry_api.domain.resources import FailureKind, Kind
from registry_api.provisioning.azure import COOL_DOWN
from registry_api.service.backend import BackendError
from tests.azure.world import AzureWorld

_SLASHES_OF_A_GROUP = 4


async def converged(world: AzureWorld, *regions: str, **fields: Any) -> None:
    """Ask for a registry and check that it has become true."""
    await world.put(*regions, **fields)
    await world.settle()
    registry = await world.read()
    assert registry.state is ProvisioningState.SUCCEEDED, registry.operation.error
    assert await world.differences() == []


async def test_a_whole_life_in_a_group_of_its_own(world: AzureWorld) -> None:
    """A registry is made with everything, gets a region, loses one, and leaves nothing behind."""
    await converged(world, "eastus", "westus")
    assert len(world.things()) == 1 + 2 * 2 + 1 + 2  # group, accounts with containers, registry, home and replica
    await converged(world, "eastus", "westus", "northeurope")
    await converged(world, "eastus", "northeurope")
    await world.delete()
    await world.settle()

    assert world.things() == {}


async def test_a_whole_life_in_a_shared_group(shared: AzureWorld) -> None:
    """The group stays, and so does what others have in it."""
    foreign = "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/shared/providers/Microsoft.Storage/"
    shared.put_thing(f"{foreign}storageAccounts/others", "Microsoft.Storage/storageAccounts", {"location": "eastus"})
    before = shared.things()
    await shared.put("eastus", "westus")
    await shared.settle()
    assert (await shared.read()).state is ProvisioningState.SUCCEEDED
    await shared.delete()
    await shared.settle()

    assert shared.things() == before
    assert min(entry["path"].count("/") for entry in shared.requests("DELETE")) > _SLASHES_OF_A_GROUP


async def test_accounts_are_made_as_asked_for(world: AzureWorld) -> None:
    """Kind, SKU, hierarchical namespace and number are those of the document; nobody gets in with a key or unasked."""
    config = {"storage_account_type": "Standard_GRS", "storage_account_hns": True, "replication_count": 2}
    await converged(world, "eastus", replication_locations=[{"location": "eastus", "storage_config": config}])
    accounts = [thing for thing in world.things().values() if thing["type"].endswith("/storageAccounts")]

    assert len(accounts) == 2
    for account in accounts:
        assert (account["kind"], account["sku"]["name"], account["location"]) == ("StorageV2", "Standard_GRS", "eastus")
        options = account["properties"]
        assert (options["isHnsEnabled"], options["allowBlobPublicAccess"]) == (True, False)
        assert (options["allowSharedKeyAccess"], options["supportsHttpsTrafficOnly"]) == (False, True)
        assert options["minimumTlsVersion"] == "TLS1_2"


async def test_a_premium_account_takes_blobs_of_every_kind(world: AzureWorld) -> None:
    """Of the premium accounts, those for general purposes have room for page blobs alone."""
    config = {"storage_account_type": "Premium_ZRS"}
    await converged(world, "eastus", replication_locations=[{"location": "eastus", "storage_config": config}])
    (account,) = [thing for thing in world.things().values() if thing["type"].endswith("/storageAccounts")]

    assert (account["kind"], account["sku"]["name"]) == ("BlockBlobStorage", "Premium_ZRS")
    world.change_thing(account["id"], body={"kind": "StorageV2"})  # as an earlier build has made it; it never changes
    await converged(
        world,
        "eastus",
        replication_locations=[{"location": "eastus", "storage_config": config}],
        public_network_access="disabled",
    )
    after = world.things()[account["id"]]
    assert (after["kind"], after["properties"]["publicNetworkAccess"]) == ("StorageV2", "Disabled")


@pytest.mark.parametrize("is_at_rest", [True, False])
async def test_what_may_not_be_reached_cannot_be(world: AzureWorld, *, is_at_rest: bool) -> None:
    """Accounts and container registry are closed and opened as the document says, also while they are made."""

    def access() -> set[str]:
        kinds = ("Microsoft.Storage/storageAccounts", "Microsoft.ContainerRegistry/registries")
        return {one["properties"]["publicNetworkAccess"] for one in world.things().values() if one["type"] in kinds}

    await world.put("eastus", "westus")
    if is_at_rest:
        await world.settle()
        assert access() == {"Enabled"}
    await converged(world, "eastus", "westus", public_network_access="disabled")
    assert access() == {"Disabled"}
    world.change_thing(
        (await world.description(Kind.STORAGE_ACCOUNT)).id, properties={"publicNetworkAccess": "Enabled"}
    )
    world.advance(CHECK_INTERVAL.total_seconds())
    await world.tick()
    await world.settle()
    assert access() == {"Disabled"}
    await converged(world, "eastus", "westus", public_network_access="enabled")
    assert access() == {"Enabled"}


async def test_nothing_is_asked_for_twice(world: AzureWorld) -> None:
    """Every resource is put once, however often it has to be looked at until it is there."""
    await converged(world, "eastus", "westus")
    paths = [entry["path"] for entry in world.requests("PUT")]

    assert sorted(paths) == sorted(set(paths))
    assert {entry["query"]["api-version"] for entry in world.requests("PUT")} == {
        "2021-04-01",
        "2024-01-01",
        "2025-04-01",
    }
    assert {entry["status"] for entry in world.requests("PUT")} <= {200, 201, 202}


async def test_a_converged_registry_is_left_alone(world: AzureWorld) -> None:
    """The hourly look only reads, and finds that everything is as it was made."""
    await converged(world, "eastus", "westus")
    world.azure.control("DELETE", "log")
    world.advance(CHECK_INTERVAL.total_seconds())
    await world.tick()
    await world.settle()
    condition = (await world.read()).condition(DRIFTED)

    assert condition is not None
    assert condition.status == "False"
    assert world.requests("PUT", "DELETE", "POST", "PATCH") == []


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (Kind.STORAGE_ACCOUNT, {"properties": {"allowSharedKeyAccess": True}}),
        (Kind.STORAGE_ACCOUNT, {"body": {"sku": {"name": "Standard_GRS"}}}),
        (Kind.CONTAINER_REGISTRY, {"state": "Failed"}),
        (Kind.STORAGE_ACCOUNT, None),
    ],
    ids=str,
)
async def test_drift_is_seen_and_repaired(world: AzureWorld, kind: Kind, change: dict[str, Any] | None) -> None:
    """What somebody changed or removed is as it was again after the hourly look; tags that others set stay."""
    await converged(world, "eastus", "westus")
    wanted = await world.description(kind)
    if change is None:
        world.remove_thing(wanted.id)
    else:
        tags = {**wanted.body["tags"], "cost-center": "7"}
        world.change_thing(wanted.id, **{**change, "body": {"tags": tags, **change.get("body", {})}})
    world.advance(CHECK_INTERVAL.total_seconds())
    await world.tick()
    await world.settle()
    registry, found = await world.read(), world.things()[wanted.id]

    assert registry.state is ProvisioningState.SUCCEEDED
    assert await world.differences() == []
    assert wanted.presence(found) == "Ready"
    assert change is None or found["tags"]["cost-center"] == "7"


async def test_what_azure_could_not_carry_out_is_told(world: AzureWorld) -> None:
    """It took the request and failed later: that is asked for again, and told until it is there."""
    await converged(world, "eastus")
    wanted = await world.description(Kind.CONTAINER_REGISTRY)
    registry = await world.read()
    home = next(resource for resource in registry.resources if resource.kind is Kind.CONTAINER_REGISTRY)
    world.change_thing(wanted.id, state="Failed")

    with pytest.raises(BackendError) as caught:
        await world.worker.start(registry, Action(Verb.REPAIR, home))
    assert caught.value.failure.message == f"{wanted.about} failed on Azure; it is asked for again."
    assert caught.value.failure.kind is FailureKind.TRANSIENT
    assert wanted.presence(world.things()[wanted.id]) == "Ready"


async def test_a_container_that_was_removed_is_made_again(world: AzureWorld) -> None:
    """A storage account without its container is not what it should be."""
    await converged(world, "eastus")
    world.remove_thing((await world.description(Kind.STORAGE_ACCOUNT)).container_id)
    world.advance(CHECK_INTERVAL.total_seconds())
    await world.tick()
    await world.settle()

    assert await world.differences() == []


@pytest.mark.parametrize("is_forgetful", [False, True])
async def test_a_region_comes_back_after_a_cool_down(world: AzureWorld, *, is_forgetful: bool) -> None:
    """A replica that was removed is made again only when Azure has forgotten it, whichever process visits it."""
    world.is_forgetful = is_forgetful
    await converged(world, "eastus", "westus")
    await converged(world, "eastus")
    removed_at = world.clock.now()
    await converged(world, "eastus", "westus")

    replica = (await world.description(Kind.REPLICA, "westus")).id
    assert [entry["status"] for entry in world.requests("PUT") if entry["path"] == replica] == [201, 201]
    assert world.clock.now() > removed_at


async def test_a_region_that_comes_back_too_soon_is_mended(world: AzureWorld) -> None:
    """Even if nobody remembers its removal, a replica that fails for it is removed and made again, and told of."""
    await converged(world, "eastus", "westus")
    replica = (await world.description(Kind.REPLICA, "westus")).id
    world.advance(CHECK_INTERVAL.total_seconds())
    world.remove_thing(replica)
    await world.tick()
    seconds = await world.settle()

    assert (await world.read()).state is ProvisioningState.SUCCEEDED
    assert seconds >= COOL_DOWN.total_seconds()
    assert await world.differences() == []
    assert len([entry for entry in world.requests("DELETE") if entry["path"] == replica]) == 1


async def test_what_azure_does_not_show_while_it_is_made_is_found_later(world: AzureWorld) -> None:
    """A storage account that cannot be seen while it is made may be asked for again, and is adopted."""
    world.azure.control("PATCH", "cloud", {"hides_new": True})
    await converged(world, "eastus")

    account = (await world.read()).resources[1]
    assert (account.kind, account.attempt) == (Kind.STORAGE_ACCOUNT, 0)


async def test_the_home_replica_is_never_touched(world: AzureWorld) -> None:
    """It belongs to the container registry: it is neither made, nor changed, nor removed by itself."""
    await converged(world, "eastus", "westus")
    await world.delete()
    await world.settle()

    assert not [entry for entry in world.requests("PUT", "DELETE") if entry["path"].endswith("/replications/eastus")]


async def test_what_needs_others_comes_later_and_goes_earlier(world: AzureWorld) -> None:
    """The group comes first and goes last, and the container registry outlives its replica."""
    await converged(world, "eastus", "westus")
    await world.delete()
    await world.settle()
    made = [entry["path"] for entry in world.requests("PUT")]
    removed = [entry["path"] for entry in world.requests("DELETE")]

    assert made[0].count("/") == removed[-1].count("/") == _SLASHES_OF_A_GROUP
    replica = next(path for path in made if "/replications/" in path)
    home = replica.partition("/replications/")[0]
    assert made.index(home) < made.index(replica)
    assert removed.index(replica) < removed.index(home)
