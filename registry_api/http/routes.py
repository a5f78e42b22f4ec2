"""Every route of the API: the one table that serves requests, answers wrong methods and describes itself."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel

from registry_api.bootstrap import App
from registry_api.domain.problems import Code
from registry_api.http import bodies, health, history, pages, parameters, registries
from registry_api.http.messages import Answer, Parameter, Request

PREFIX = "api"  # host.json, extensions.http.routePrefix

Handler = Callable[[Request, App], Awaitable[Answer]]
Content = type[BaseModel] | Sequence[str] | None
"""What an answer has in its body: JSON of a model's shape, something of one of these media types, or nothing."""


class Takes(StrEnum):
    """What the body of a request is."""

    NOTHING = "nothing"
    DOCUMENT = "document"
    MERGE_PATCH = "merge patch"


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path. The handler's name is the function's name on Azure, its docstring the description."""

    method: str
    template: str
    handler: Handler
    answers: Mapping[int, Content]
    codes: Sequence[Code] = ()
    query: Sequence[Parameter] = ()
    headers: Sequence[Parameter] = ()
    takes: Takes = Takes.NOTHING

    @property
    def name(self) -> str:
        """Return the function's name."""
        return self.handler.__name__

    @property
    def is_public(self) -> bool:
        """Tell whether anybody may ask, without saying who it is."""
        return Code.UNAUTHENTICATED not in self.codes

    def matches(self, path: str) -> bool:
        """Tell whether a path, without the prefix, is one of this route's."""
        pattern = re.sub(r"\{[a-z]+\}", "[^/]+", self.template)
        return re.fullmatch(pattern, path.strip("/"), re.IGNORECASE) is not None


_PUBLIC = (Code.UNKNOWN_PARAMETER, Code.MULTIPLE_ERRORS_OCCURRED, Code.INTERNAL_ERROR)
_ANY = (*_PUBLIC, Code.UNAUTHENTICATED, Code.IDENTITY_UNAVAILABLE, Code.STORAGE_UNAVAILABLE)
_REGISTRIES = (*_ANY, Code.AUTHORIZATION_FAILED, Code.AUTHORIZATION_UNAVAILABLE)
_UNPARSABLE = (
    Code.INVALID_DOCUMENT,
    Code.DOCUMENT_TOO_LARGE,
    Code.LENGTH_REQUIRED,
    Code.UNSUPPORTED_MEDIA_TYPE,
)
_INVALID = (
    *_UNPARSABLE,
    Code.UNKNOWN_FIELD,
    Code.MISSING_FIELD,
    Code.WRONG_TYPE,
    Code.INVALID_VALUE,
    Code.VALUE_TOO_LONG,
    Code.TOO_MANY_ITEMS,
    Code.INVALID_TAG,
    Code.INVALID_REGISTRY_NAME,
    Code.NAME_MISMATCH,
    Code.UNKNOWN_LOCATION,
    Code.LOCATION_NOT_SUPPORTED,
    Code.PRIMARY_LOCATION_NOT_REPLICATED,
    Code.DUPLICATE_LOCATION,
    Code.USER_OWNED_RESOURCE_NOT_SUPPORTED,
    Code.READ_ONLY_FIELD,
    Code.INVALID_PARAMETER,
)
_CONDITIONAL = (Code.INVALID_HEADER, Code.PRECONDITION_FAILED, Code.CONCURRENT_CHANGES)
_IMMUTABLE = (Code.PRIMARY_LOCATION_IMMUTABLE, Code.STORAGE_CONFIG_IMMUTABLE, Code.REGISTRY_BEING_DELETED)
_WRITE = (*_INVALID, *_CONDITIONAL)
_TAKEN = (Code.REGISTRY_ALREADY_EXISTS, Code.REGISTRY_BEING_DELETED, Code.REGISTRY_NAME_TAKEN)
_PAGED = (Code.INVALID_PARAMETER,)
_WRITE_QUERY = (*parameters.SCOPE, parameters.VALIDATE_ONLY)
_REGISTRY = bodies.RegistryBody
_OPERATION = bodies.OperationBody


def _page(template: str, handler: Handler, *media_types: str, codes: Sequence[Code] = ()) -> Route:
    answers: Mapping[int, Content] = {200: media_types, 304: None}
    return Route(
        "GET", template, handler, answers, (*_PUBLIC, Code.INVALID_HEADER, *codes), (), (parameters.IF_NONE_MATCH,)
    )


ROUTES = (
    Route(
        "GET",
        "registries",
        registries.list_registries,
        {200: bodies.RegistryPage},
        (*_REGISTRIES, *_PAGED),
        (*parameters.PAGE, *parameters.FILTERS),
    ),
    Route(
        "POST",
        "registries",
        registries.create_registry,
        {201: _REGISTRY},
        (
            *_REGISTRIES,
            *_WRITE,
            Code.REGISTRY_ALREADY_EXISTS,
            Code.REGISTRY_BEING_DELETED,
            Code.REGISTRY_NAME_TAKEN,
            Code.IDEMPOTENCY_KEY_REUSED,
        ),
        _WRITE_QUERY,
        (*parameters.CONDITIONS, parameters.IDEMPOTENCY_KEY),
        Takes.DOCUMENT,
    ),
    Route(
        "GET",
        "registries/{name}",
        registries.get_registry,
        {200: _REGISTRY, 304: None},
        (*_REGISTRIES, Code.REGISTRY_NOT_FOUND, Code.INVALID_PARAMETER, Code.INVALID_HEADER, Code.PRECONDITION_FAILED),
        parameters.SCOPE,
        parameters.CONDITIONS,
    ),
    Route(
        "PUT",
        "registries/{name}",
        registries.put_registry,
        {200: _REGISTRY, 201: _REGISTRY},
        (*_REGISTRIES, *_WRITE, *_IMMUTABLE, Code.REGISTRY_NAME_TAKEN),
        _WRITE_QUERY,
        parameters.CONDITIONS,
        Takes.DOCUMENT,
    ),
    Route(
        "PATCH",
        "registries/{name}",
        registries.patch_registry,
        {200: _REGISTRY},
        (*_REGISTRIES, *_WRITE, *_IMMUTABLE, Code.REGISTRY_NOT_FOUND),
        _WRITE_QUERY,
        parameters.CONDITIONS,
        Takes.MERGE_PATCH,
    ),
    Route(
        "DELETE",
        "registries/{name}",
        registries.delete_registry,
        {202: _OPERATION, 204: None},
        (*_REGISTRIES, *_CONDITIONAL, Code.DELETION_PROTECTED, Code.INVALID_PARAMETER),
        _WRITE_QUERY,
        parameters.CONDITIONS,
    ),
    Route(
        "POST",
        "registries/{name}/plan",
        registries.plan_registry,
        {200: bodies.PlanBody},
        (*_REGISTRIES, *_UNPARSABLE, Code.INVALID_PARAMETER),
        parameters.SCOPE,
        (),
        Takes.DOCUMENT,
    ),
    Route(
        "POST",
        "registries/{name}/reconcile",
        registries.reconcile_registry,
        {202: _OPERATION},
        (*_REGISTRIES, *_CONDITIONAL, Code.REGISTRY_NOT_FOUND, Code.INVALID_PARAMETER),
        _WRITE_QUERY,
        parameters.CONDITIONS,
    ),
    Route(
        "GET",
        "registries/{name}/operations",
        history.list_operations,
        {200: bodies.OperationPage},
        (*_REGISTRIES, *_PAGED, Code.REGISTRY_NOT_FOUND),
        (*parameters.PAGE, *parameters.SCOPE),
    ),
    Route(
        "GET",
        "registries/{name}/revisions",
        history.list_revisions,
        {200: bodies.RevisionPage},
        (*_REGISTRIES, *_PAGED, Code.REGISTRY_NOT_FOUND),
        (*parameters.PAGE, *parameters.SCOPE),
    ),
    Route(
        "GET",
        "registries/{name}/events",
        history.list_events,
        {200: bodies.EventPage},
        (*_REGISTRIES, *_PAGED, Code.REGISTRY_NOT_FOUND),
        (*parameters.PAGE, *parameters.SCOPE),
    ),
    Route(
        "GET",
        "registries/{name}/undelivered",
        history.list_undelivered,
        {200: bodies.UndeliveredPage},
        (*_REGISTRIES, *_PAGED, Code.REGISTRY_NOT_FOUND),
        (*parameters.PAGE, *parameters.SCOPE),
    ),
    Route(
        "GET",
        "operations/{id}",
        history.get_operation,
        {200: _OPERATION},
        (*_REGISTRIES, Code.OPERATION_NOT_FOUND),
    ),
    Route(
        "POST",
        "operations/{id}/cancel",
        history.cancel_operation,
        {200: _OPERATION},
        (*_REGISTRIES, Code.OPERATION_NOT_FOUND, Code.CONCURRENT_CHANGES),
    ),
    Route("GET", "regions", registries.list_regions, {200: bodies.RegionList}, _ANY),
    Route("GET", "health", health.get_health, {200: bodies.HealthBody}, _PUBLIC),
    Route(
        "GET",
        "health/ready",
        health.get_readiness,
        {200: bodies.ReadinessBody, 503: bodies.ReadinessBody},
        _PUBLIC,
    ),
    _page("openapi.json", pages.get_openapi, pages.JSON),
    _page("registry.schema.json", pages.get_registry_schema, pages.JSON_SCHEMA),
    _page("docs", pages.get_docs, pages.HTML),
    _page("docs/{file}", pages.get_docs_file, *pages.ASSET_TYPES, codes=(Code.RESOURCE_NOT_FOUND,)),
)


def methods_of(path: str) -> list[str]:
    """Return the methods that a path, without the prefix, allows; none when there is no such path."""
    return sorted(route.method for route in ROUTES if route.matches(path))
