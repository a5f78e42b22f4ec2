"""Resource groups, storage accounts with containers, container registries with replications."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from devstack.resource_manager.cloud import (
    CONTAINER,
    DELETING,
    FAILED,
    GROUP,
    REGISTRY,
    REPLICATION,
    STORAGE,
    SUCCEEDED,
    Cloud,
    Operation,
    Thing,
)
from devstack.resource_manager.messages import ArmError, Request, Response, not_found

_DESCRIPTION_KEYS = ("location", "tags", "sku", "kind", "properties", "identity")
_STORAGE_VERSION, _REGISTRY_VERSION, _GROUP_VERSION = "2024-01-01", "2025-04-01", "2021-04-01"


class Resources:
    """What can be done with each type of resource.

    Args:
        cloud: What there is.
        base_url: Tells the address of this server, for the headers that lead to operations.
    """

    def __init__(self, cloud: Cloud, base_url: Callable[[], str]) -> None:
        self._cloud = cloud
        self._base_url = base_url

    def get(self, kind: str, request: Request) -> Response:
        """Return a resource."""
        thing = self._cloud.find(request.path)
        if kind != GROUP:
            self._group_of(request)
        if thing is None or (self._cloud.hides_new and kind == STORAGE and thing.state == "Creating"):
            raise _absent(kind, request)
        return Response(HTTPStatus.OK, thing.shown())

    def put_group(self, request: Request) -> Response:
        """Make a group, or give it other tags."""
        there, body = self._cloud.find(request.path), _description(request)
        if there is not None:
            if there.state == DELETING:
                raise _being_deleted(there)
            _same_location(there, body, "InvalidResourceGroupLocation")
            there.body = body
            return Response(HTTPStatus.OK, there.shown())
        thing = Thing(request.path, GROUP, body)
        self._cloud.make(thing)
        return Response(HTTPStatus.CREATED, thing.shown())

    def delete_group(self, request: Request) -> Response:
        """Begin to remove a group with everything in it."""
        thing = self._cloud.find(request.path)
        if thing is None:
            raise _absent(GROUP, request)
        if thing.state != DELETING:
            self._cloud.remove(thing, self._cloud.durations.group_delete)
        subscription = "/".join(request.path.split("/")[:3])
        return self._accepted(f"{subscription}/operationresults", thing.id, _GROUP_VERSION)

    def put_storage(self, request: Request) -> Response:
        """Begin to make a storage account, 202 without a body (recorded), or change one at once."""
        self._open_group_of(request)
        body, name = _description(request), request.path.rpartition("/")[2]
        there = self._cloud.find(request.path)
        if there is not None:
            if there.is_changing:
                raise _busy("StorageAccountOperationInProgress", there)
            _same_location(there, body, "InvalidResourceLocation")
            _same(there, body, "isHnsEnabled")
            if body.get("kind", there.body.get("kind")) != there.body.get("kind"):
                message = "The property 'kind' was specified in the input, but it cannot be updated."
                raise ArmError(HTTPStatus.BAD_REQUEST, "AccountPropertyCannotBeUpdated", message)
            there.body, there.state = body, SUCCEEDED
            return Response(HTTPStatus.OK, there.shown())
        owner = self._cloud.owner_of(STORAGE, name)
        if owner is not None or self._cloud.is_taken(STORAGE, name):
            code = "StorageAccountInAnotherResourceGroup" if owner is not None else "StorageAccountAlreadyTaken"
            raise ArmError(HTTPStatus.CONFLICT, code, f"The storage account named {name} is already taken.")
        body["properties"] = {
            **body.get("properties", {}),
            "primaryEndpoints": {"blob": f"https://{name}.blob.core.windows.net/"},
        }
        self._cloud.make(Thing(request.path, STORAGE, body), self._cloud.durations.storage_create)
        subscription = "/".join(request.path.split("/")[:3])
        place = f"{subscription}/providers/Microsoft.Storage/locations/{body['location']}/asyncoperations"
        return self._accepted(place, request.path, _STORAGE_VERSION, verb="Creating", extra="monitor=true&")

    def put_container(self, request: Request) -> Response:
        """Make a blob container in a storage account that is there."""
        account = self._cloud.find(request.path.partition("/blobServices")[0])
        if account is None:
            raise not_found("Microsoft.Storage/storageAccounts")
        if account.is_changing:
            raise _busy("StorageAccountIsNotProvisioned", account)
        there = self._cloud.find(request.path)
        thing = there or Thing(request.path, CONTAINER, _description(request))
        self._cloud.make(thing)
        return Response(HTTPStatus.OK if there else HTTPStatus.CREATED, thing.shown())

    def put_registry(self, request: Request) -> Response:
        """Make a container registry, at once (recorded), with its home among its replications."""
        self._open_group_of(request)
        body, name = _description(request), request.path.rpartition("/")[2]
        there = self._cloud.find(request.path)
        if there is not None:
            _same_location(there, body, "InvalidResourceLocation")
            there.body = {**body, "properties": {**there.body["properties"], **body.get("properties", {})}}
            there.state = SUCCEEDED
            return Response(HTTPStatus.OK, there.shown())
        if self._cloud.owner_of(REGISTRY, name) is not None or self._cloud.is_taken(REGISTRY, name):
            raise ArmError(HTTPStatus.CONFLICT, "AlreadyInUse", f"The registry {name} is already in use.")
        body["properties"] = {**body.get("properties", {}), "loginServer": f"{name}.azurecr.io"}
        thing = Thing(request.path, REGISTRY, body)
        self._cloud.make(thing)
        location = body["location"]
        home = {"location": location, "properties": {"regionEndpointEnabled": True}}
        self._cloud.make(Thing(f"{thing.id}/replications/{location}", REPLICATION, home))
        return Response(HTTPStatus.OK, thing.shown())

    def put_replication(self, request: Request) -> Response:
        """Begin to make a replication, 201 with Azure-AsyncOperation (recorded)."""
        registry = self._registry_of(request)
        if registry.body.get("sku", {}).get("name") != "Premium":
            raise ArmError(HTTPStatus.BAD_REQUEST, "SkuNotSupported", "Replications need the sku Premium.")
        there, body = self._cloud.find(request.path), _description(request)
        if there is not None and there.is_changing:
            raise _busy("AnotherOperationInProgress", there)
        if there is not None:
            _same_location(there, body, "InvalidResourceLocation")
            there.body = body
            if there.state == FAILED:
                raise _busy("ReplicationInFailedState", there)
            return Response(HTTPStatus.OK, there.shown())
        outcome = FAILED if self._cloud.cools_down(request.path) else SUCCEEDED
        thing = Thing(request.path, REPLICATION, body)
        self._cloud.make(thing, self._cloud.durations.replica_create, outcome=outcome)
        operation = self._cloud.begin(thing.id, "Creating")
        status = f"{thing.id}/operationStatuses/replications-{operation.id}?api-version={_REGISTRY_VERSION}"
        return Response(
            HTTPStatus.CREATED, thing.shown(), {"Azure-AsyncOperation": self._base_url() + status, "Retry-After": "0"}
        )

    def list_replications(self, request: Request) -> list[dict[str, Any]]:
        """Return all replications of a registry, its home among them."""
        registry = self._registry_of(request)
        return [thing.shown() for thing in self._cloud.below(registry.id) if thing.type == REPLICATION]

    def delete(self, kind: str, request: Request) -> Response:
        """Remove a resource, at once or after a while; one that is absent, or whose group is, is 204."""
        thing = self._cloud.find(request.path)
        if thing is None:
            return Response(HTTPStatus.NO_CONTENT)
        if kind != REPLICATION:
            if thing.is_changing:
                raise _busy("AnotherOperationInProgress", thing)
            self._cloud.remove(thing)
            return Response(HTTPStatus.OK)
        registry = self._registry_of(request)
        if thing.name.lower() == str(registry.body["location"]).lower():
            raise ArmError(
                HTTPStatus.BAD_REQUEST, "HomeReplicationCannotBeDeleted", "The home replication cannot be deleted."
            )
        if thing.is_changing and thing.state != DELETING:
            raise _busy("AnotherOperationInProgress", thing)
        if thing.state != DELETING:
            self._cloud.remove(thing, self._cloud.durations.replica_delete)
        subscription = "/".join(request.path.split("/")[:3])
        place = f"{subscription}/providers/Microsoft.ContainerRegistry/locations/{thing.name}/operationResults"
        return self._accepted(place, thing.id, _REGISTRY_VERSION)

    def status(self, operation: Operation) -> Response:
        """Return how far an operation is, as Azure-AsyncOperation tells it."""
        thing = self._cloud.find(operation.resource)
        if operation.verb == DELETING:
            return Response(HTTPStatus.OK, {"status": SUCCEEDED if thing is None else DELETING})
        return Response(HTTPStatus.OK, {"status": thing.state if thing else FAILED})

    def result(self, operation: Operation) -> Response:
        """Return what an operation led to, as Location tells it."""
        thing = self._cloud.find(operation.resource)
        if thing is None:
            return Response(HTTPStatus.OK if operation.verb == DELETING else HTTPStatus.NOT_FOUND)
        if thing.is_changing:
            return Response(HTTPStatus.ACCEPTED, None, {"Retry-After": "0"})
        return Response(HTTPStatus.OK, thing.shown())

    def _accepted(self, place: str, resource: str, version: str, *, verb: str = DELETING, extra: str = "") -> Response:
        operation = self._cloud.begin(resource, verb)
        location = f"{self._base_url()}{place}/{operation.id}?{extra}api-version={version}"
        return Response(HTTPStatus.ACCEPTED, None, {"Location": location, "Retry-After": "0"})

    def _group_of(self, request: Request) -> Thing:
        group_id = "/".join(request.path.split("/")[:5])
        group = self._cloud.find(group_id)
        if group is None:
            name = group_id.rpartition("/")[2]
            raise ArmError(
                HTTPStatus.NOT_FOUND, "ResourceGroupNotFound", f"Resource group '{name}' could not be found."
            )
        return group

    def _open_group_of(self, request: Request) -> None:
        group = self._group_of(request)
        if group.state == DELETING:
            raise _being_deleted(group)

    def _registry_of(self, request: Request) -> Thing:
        registry = self._cloud.find(request.path.partition("/replications")[0])
        if registry is None:
            raise ArmError(
                HTTPStatus.NOT_FOUND,
                "ParentResourceNotFound",
                "Failed to perform 'write' on resource(s) of type 'registries/replications', because the parent "
                "resource could not be found.",
            )
        return registry


def _description(request: Request) -> dict[str, Any]:
    return {key: value for key, value in request.body.items() if key in _DESCRIPTION_KEYS}


def _absent(kind: str, request: Request) -> ArmError:
    name = request.path.rpartition("/")[2]
    if kind == GROUP:
        return ArmError(HTTPStatus.NOT_FOUND, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
    if kind == CONTAINER:
        return ArmError(HTTPStatus.NOT_FOUND, "ContainerNotFound", "The specified container does not exist.")
    return not_found(f"{kind}/{name}")


def _busy(code: str, thing: Thing) -> ArmError:
    return ArmError(HTTPStatus.CONFLICT, code, f"'{thing.name}' is {thing.state}; another operation is in progress.")


def _being_deleted(group: Thing) -> ArmError:
    return ArmError(
        HTTPStatus.CONFLICT,
        "ResourceGroupBeingDeleted",
        f"The resource group '{group.name}' is in deprovisioning state and cannot perform this operation.",
    )


def _same_location(there: Thing, body: Mapping[str, Any], code: str) -> None:
    if there.body.get("location") != body.get("location"):
        raise ArmError(
            HTTPStatus.CONFLICT,
            code,
            f"The resource '{there.name}' already exists in location '{there.body.get('location')}' and cannot be "
            f"created in location '{body.get('location')}'.",
        )


def _same(there: Thing, body: Mapping[str, Any], name: str) -> None:
    before, after = there.body.get("properties", {}).get(name), body.get("properties", {}).get(name)
    if before != after:
        raise ArmError(
            HTTPStatus.CONFLICT, "PropertyImmutable", f"The property '{name}' was specified, but it cannot be changed."
        )
