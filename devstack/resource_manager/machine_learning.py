"""Registries of Azure Machine Learning: one document each, changed one request after the other."""

import copy
import secrets
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from devstack.resource_manager.cloud import DELETING, ML_REGISTRY, SUCCEEDED, Cloud, Operation, Thing
from devstack.resource_manager.messages import ArmError, Request, Response, not_found

_DESCRIPTION_KEYS = ("location", "tags", "identity", "properties")
_REMOVING = "removing"  # our own note of the regions that go; never shown


class MachineLearning:
    """What can be done to such registries.

    Args:
        cloud: What there is.
        base_url: Tells the address of this server, for the headers that lead to operations.
    """

    def __init__(self, cloud: Cloud, base_url: Callable[[], str]) -> None:
        self._cloud = cloud
        self._base_url = base_url

    def get(self, request: Request) -> Response:
        """Return a registry; it has no provisioning state (recorded)."""
        body = copy.deepcopy(self._there(request).shown())
        del body["properties"]["provisioningState"]
        body.pop(_REMOVING, None)
        return Response(HTTPStatus.OK, body)

    def put(self, request: Request) -> Response:
        """Begin to make or change a registry, 202 without a body (recorded). Regions that are left out stay."""
        group = "/".join(request.path.split("/")[:5])
        if self._cloud.find(group) is None:
            raise ArmError(HTTPStatus.NOT_FOUND, "ResourceGroupNotFound", "The resource group could not be found.")
        there, name = self._cloud.find(request.path), request.path.rpartition("/")[2]
        body = {key: value for key, value in request.body.items() if key in _DESCRIPTION_KEYS}
        if there is None:
            if self._cloud.owner_of(ML_REGISTRY, name) or self._cloud.is_taken(ML_REGISTRY, name):
                raise ArmError(HTTPStatus.CONFLICT, "AlreadyInUse", f"The registry {name} is already in use.")
            subscription = "/".join(request.path.split("/")[:3])
            managed = f"{subscription}/resourceGroups/azureml-rg-{name}_{secrets.token_hex(16)}"
            body["properties"]["managedResourceGroup"] = {"resourceId": managed}
            thing = Thing(request.path, ML_REGISTRY, body)
        else:
            self._refuse_while_busy(there)
            if there.body["location"] != body["location"]:
                raise ArmError(HTTPStatus.BAD_REQUEST, "UserError", "The location of a registry cannot be changed.")
            named = {region["location"] for region in body["properties"]["regionDetails"]}
            left_out = [one for one in _details(there) if one["location"] not in named]
            body["properties"]["regionDetails"] += left_out
            thing = there
            thing.body = body
        self._cloud.make(thing, self._cloud.durations.ml_registry)
        return self._accepted(thing, "Creating")

    def remove_regions(self, request: Request) -> Response:
        """Begin to take regions away: those that the body names."""
        thing = self._there(Request("POST", request.path.rpartition("/")[0]))
        self._refuse_while_busy(thing)
        names = [region["location"] for region in request.body["properties"]["regionDetails"]]
        if thing.body["location"] in names:
            raise ArmError(HTTPStatus.BAD_REQUEST, "UserError", "The primary region cannot be removed.")
        thing.body[_REMOVING] = names
        self._cloud.make(thing, self._cloud.durations.ml_registry)
        return self._accepted(thing, "Updating")

    def delete(self, request: Request) -> Response:
        """Begin to remove a registry with everything that was made for it."""
        thing = self._cloud.find(request.path)
        if thing is None:
            return Response(HTTPStatus.NO_CONTENT)
        self._refuse_while_busy(thing)
        self._cloud.remove(thing, self._cloud.durations.ml_registry)
        return self._accepted(thing, DELETING)

    def status(self, operation: Operation) -> Response:
        """Return how far an operation is."""
        thing = self._cloud.find(operation.resource)
        is_done = thing is None if operation.verb == DELETING else thing is not None and not thing.is_changing
        return Response(HTTPStatus.OK, {"status": SUCCEEDED if is_done else "InProgress"})

    def _there(self, request: Request) -> Thing:
        """Return a registry, with the accounts made and the regions gone whose time has come."""
        thing = self._cloud.find(request.path)
        if thing is None:
            raise not_found(f"{ML_REGISTRY}/{request.path.rpartition('/')[2]}")
        if not thing.is_changing:
            gone = thing.body.pop(_REMOVING, ())
            kept = [one for one in _details(thing) if one["location"] not in gone]
            properties = thing.body["properties"]
            properties["regionDetails"] = kept
            _make_accounts(kept, f"{properties['managedResourceGroup']['resourceId']}/providers", thing.name)
        return thing

    def _refuse_while_busy(self, thing: Thing) -> None:
        if thing.is_changing:
            message = f"Registry '{thing.name}' is {thing.state}; another operation is in progress."
            raise ArmError(HTTPStatus.CONFLICT, "AnotherOperationInProgress", message)

    def _accepted(self, thing: Thing, verb: str) -> Response:
        operation = self._cloud.begin(thing.id, verb)
        subscription = "/".join(thing.id.split("/")[:3])
        place = f"{subscription}/providers/Microsoft.MachineLearningServices/locations/{thing.body['location']}"
        address = f"{self._base_url()}{place}/registryOperationsStatus/{operation.id}?api-version=2024-04-01"
        headers = {"Azure-AsyncOperation": f"{address}&type=async", "Location": f"{address}&type=location"}
        return Response(HTTPStatus.ACCEPTED, None, headers)


def _details(thing: Thing) -> list[dict[str, Any]]:
    details: list[dict[str, Any]] = thing.body["properties"]["regionDetails"]
    return details


def _make_accounts(details: list[dict[str, Any]], providers: str, registry: str) -> None:
    """Give names and ids to what has none: five characters of the registry and nineteen more (recorded)."""
    home = None
    for region in details:
        for account in region["storageAccountDetails"]:
            made = account["systemCreatedStorageAccount"]
            if "armResourceId" not in made:
                name = registry.lower()[:5] + secrets.token_hex(10)[:19]
                made["storageAccountName"] = name
                made["armResourceId"] = {"resourceId": f"{providers}/Microsoft.Storage/storageAccounts/{name}"}
        for replica in region["acrDetails"]:
            made = replica["systemCreatedAcrAccount"]
            home = home or made.get("acrAccountName") or registry.lower()[:5] + secrets.token_hex(10)[:19]
            made["acrAccountName"] = home
            made["armResourceId"] = {"resourceId": f"{providers}/Microsoft.ContainerRegistry/registries/{home}"}
