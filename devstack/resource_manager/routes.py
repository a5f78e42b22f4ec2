"""Which address means what. Azure's paths have no case."""

import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from devstack.resource_manager.authorization import Authorization
from devstack.resource_manager.cloud import CONTAINER, GROUP, REGISTRY, REPLICATION, STORAGE, Cloud
from devstack.resource_manager.machine_learning import MachineLearning
from devstack.resource_manager.messages import ArmError, Request, Response, not_found, paged
from devstack.resource_manager.resources import Resources
from registry_api.domain.regions import catalogue

PAGE_SIZE = 2  # small, so that whoever lists anything has to follow nextLink

_SUBSCRIPTION = r"/subscriptions/[^/]+"
_IN_GROUP = _SUBSCRIPTION + r"/resourceGroups/[^/]+"
_STORAGE = _IN_GROUP + r"/providers/Microsoft\.Storage/storageAccounts/[^/]+"
_REGISTRY = _IN_GROUP + r"/providers/Microsoft\.ContainerRegistry/registries/[^/]+"
_ML_REGISTRY = _IN_GROUP + r"/providers/Microsoft\.MachineLearningServices/registries/[^/]+"
_SCOPE = r"(?P<scope>(?:/.+)?)"
_AUTHORIZATION = _SCOPE + r"/providers/Microsoft\.Authorization"
_TYPES = {"microsoft.storage": ["storageAccounts"], "microsoft.containerregistry": ["registries"]}

_Handler = Callable[[Request, re.Match[str]], Response]


class Routes:
    """Every address that is known.

    Args:
        cloud: What there is.
        authorization: Who may do what.
        base_url: Tells the address of this server.
    """

    def __init__(self, cloud: Cloud, authorization: Authorization, base_url: Callable[[], str]) -> None:
        self._cloud = cloud
        self._authorization = authorization
        self._base_url = base_url
        self._registered: set[tuple[str, str]] = set()
        one, learning = Resources(cloud, base_url), MachineLearning(cloud, base_url)
        table: list[tuple[str, str, _Handler]] = [
            ("GET", r"/subscriptions/(?P<subscription>[^/]+)", self._subscription),
            ("GET", _IN_GROUP, lambda request, _: one.get(GROUP, request)),
            ("PUT", _IN_GROUP, lambda request, _: one.put_group(request)),
            ("DELETE", _IN_GROUP, lambda request, _: one.delete_group(request)),
            ("GET", rf"(?P<group>{_IN_GROUP})/resources", self._list_resources),
            ("GET", _STORAGE, lambda request, _: one.get(STORAGE, request)),
            ("PUT", _STORAGE, lambda request, _: one.put_storage(request)),
            ("DELETE", _STORAGE, lambda request, _: one.delete(STORAGE, request)),
            (
                "GET",
                rf"{_STORAGE}/blobServices/default/containers/[^/]+",
                lambda request, _: one.get(CONTAINER, request),
            ),
            (
                "PUT",
                rf"{_STORAGE}/blobServices/default/containers/[^/]+",
                lambda request, _: one.put_container(request),
            ),
            ("GET", _REGISTRY, lambda request, _: one.get(REGISTRY, request)),
            ("PUT", _REGISTRY, lambda request, _: one.put_registry(request)),
            ("DELETE", _REGISTRY, lambda request, _: one.delete(REGISTRY, request)),
            (
                "GET",
                rf"{_REGISTRY}/replications",
                lambda request, _: self._page(request, one.list_replications(request)),
            ),
            ("GET", rf"{_REGISTRY}/replications/[^/]+", lambda request, _: one.get(REPLICATION, request)),
            ("PUT", rf"{_REGISTRY}/replications/[^/]+", lambda request, _: one.put_replication(request)),
            ("DELETE", rf"{_REGISTRY}/replications/[^/]+", lambda request, _: one.delete(REPLICATION, request)),
            ("GET", _ML_REGISTRY, lambda request, _: learning.get(request)),
            ("PUT", _ML_REGISTRY, lambda request, _: learning.put(request)),
            ("DELETE", _ML_REGISTRY, lambda request, _: learning.delete(request)),
            ("POST", rf"{_ML_REGISTRY}/removeRegions", lambda request, _: learning.remove_regions(request)),
            ("GET", r".+/registryOperationsStatus/(?P<operation>\w+)", partial(self._operation, learning.status)),
            ("GET", r".+/operationStatuses/replications-(?P<operation>\w+)", partial(self._operation, one.status)),
            (
                "GET",
                r".+/(?:asyncoperations|operationResults)/(?P<operation>\w+)",
                partial(self._operation, one.result),
            ),
            ("GET", rf"{_SUBSCRIPTION}/providers/(?P<namespace>[^/]+)", self._provider),
            ("POST", rf"(?P<subscription>{_SUBSCRIPTION})/providers/(?P<namespace>[^/]+)/register", self._register),
            ("POST", rf"{_SUBSCRIPTION}/providers/(?P<namespace>[^/]+)/checkNameAvailability", self._check_name),
            ("GET", rf"{_AUTHORIZATION}/roleAssignments", self._role_assignments),
            ("GET", rf"{_AUTHORIZATION}/roleDefinitions", self._role_definitions),
            ("GET", rf"{_AUTHORIZATION}/roleDefinitions/(?P<guid>[^/]+)", self._role_definition),
            ("GET", rf"{_AUTHORIZATION}/denyAssignments", self._deny_assignments),
        ]
        self._table = [(method, re.compile(pattern, re.IGNORECASE), handler) for method, pattern, handler in table]

    def answer(self, request: Request) -> Response:
        """Return the answer to a request.

        Raises:
            ArmError: If it is refused.
        """
        known = False
        for method, pattern, handler in self._table:
            if (match := pattern.fullmatch(request.path)) is not None:
                known = True
                if method == request.method:
                    return handler(request, match)
        if known:
            raise ArmError(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", f"{request.method} is not allowed here.")
        raise not_found(request.path)

    def _page(self, request: Request, items: list[dict[str, Any]]) -> Response:
        return paged(request, self._base_url(), items, PAGE_SIZE)

    def _list_resources(self, request: Request, match: re.Match[str]) -> Response:
        group = self._cloud.find(match["group"])
        if group is None:
            raise not_found(match["group"])
        found = [thing for thing in self._cloud.below(group.id) if thing.type != CONTAINER]
        keys = ("id", "name", "type", "location", "tags")
        shown = [{key: value for key, value in thing.shown().items() if key in keys} for thing in found]
        return self._page(request, shown)

    def _operation(self, tell: Callable[[Any], Response], request: Request, match: re.Match[str]) -> Response:
        operation = self._cloud.operations.get(match["operation"])
        if operation is None:
            raise not_found(request.path)
        return tell(operation)

    def _provider(self, request: Request, match: re.Match[str]) -> Response:
        del request
        namespace = match["namespace"].lower()
        if namespace not in _TYPES:
            raise ArmError(HTTPStatus.NOT_FOUND, "InvalidResourceNamespace", f"'{namespace}' is not a namespace.")
        locations = [region.display_name for region in catalogue().values()]
        types = [{"resourceType": name, "locations": locations} for name in _TYPES[namespace]]
        body = {"namespace": match["namespace"], "registrationState": "Registered", "resourceTypes": types}
        return Response(HTTPStatus.OK, body)

    def _register(self, request: Request, match: re.Match[str]) -> Response:
        del request
        self._registered.add((match["subscription"].lower(), match["namespace"].lower()))
        body = {"namespace": match["namespace"], "registrationState": "Registering"}
        return Response(HTTPStatus.OK, body)

    def _check_name(self, request: Request, match: re.Match[str]) -> Response:
        kind = STORAGE if match["namespace"].lower() == "microsoft.storage" else REGISTRY
        name = str(request.body.get("name", ""))
        is_free = self._cloud.owner_of(kind, name) is None and not self._cloud.is_taken(kind, name)
        reason = {} if is_free else {"reason": "AlreadyExists", "message": f"The name {name} is already taken."}
        return Response(HTTPStatus.OK, {"nameAvailable": is_free, **reason})

    def _subscription(self, request: Request, match: re.Match[str]) -> Response:
        del request
        return Response(HTTPStatus.OK, self._authorization.subscription(match["subscription"]))

    def _role_assignments(self, request: Request, match: re.Match[str]) -> Response:
        return self._page(request, self._authorization.assignments_at(match["scope"], request))

    def _role_definitions(self, request: Request, match: re.Match[str]) -> Response:
        return self._page(request, self._authorization.definitions_at(match["scope"], request))

    def _role_definition(self, request: Request, match: re.Match[str]) -> Response:
        del request
        return Response(HTTPStatus.OK, self._authorization.definition(match["guid"]))

    def _deny_assignments(self, request: Request, match: re.Match[str]) -> Response:
        return self._page(request, self._authorization.denials_at(match["scope"], request))
