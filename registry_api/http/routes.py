"""Every route of the API: the one table that serves requests, answers wrong methods and describes itself.

It is imported at every cold start, so it names handlers and models, and imports none.
"""

from collections.abc import Mapping, Sequence

from registry_api.domain.problems import Code
from registry_api.http import media_types, parameters, resource_manager
from registry_api.http.route import Content, Route, Takes

_PUBLIC = (Code.UNKNOWN_PARAMETER, Code.INVALID_HEADER, Code.MULTIPLE_ERRORS_OCCURRED, Code.INTERNAL_ERROR)
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
_CONDITIONAL = (Code.PRECONDITION_FAILED, Code.CONCURRENT_CHANGES)
_IMMUTABLE = (Code.PRIMARY_LOCATION_IMMUTABLE, Code.STORAGE_CONFIG_IMMUTABLE, Code.REGISTRY_BEING_DELETED)
_WRITE = (*_INVALID, *_CONDITIONAL)
_TAKEN = (Code.REGISTRY_ALREADY_EXISTS, Code.REGISTRY_BEING_DELETED, Code.REGISTRY_NAME_TAKEN)
_PAGED = (Code.INVALID_PARAMETER,)
_WRITE_QUERY = (*parameters.SCOPE, parameters.VALIDATE_ONLY)
_REGISTRY = "RegistryBody"
_OPERATION = "OperationBody"


def _page(template: str, handler: str, *media_types: str, codes: Sequence[Code] = ()) -> Route:
    answers: Mapping[int, Content] = {200: media_types, 304: None}
    return Route("GET", template, handler, answers, (*_PUBLIC, *codes), (), (parameters.IF_NONE_MATCH,))


ROUTES = (
    Route(
        "GET",
        "registries",
        "views.list_registries",
        {200: "RegistryPage"},
        (*_REGISTRIES, *_PAGED),
        (*parameters.PAGE, *parameters.FILTERS),
    ),
    Route(
        "POST",
        "registries",
        "registries.create_registry",
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
        "views.get_registry",
        {200: _REGISTRY, 304: None},
        (*_REGISTRIES, Code.REGISTRY_NOT_FOUND, Code.INVALID_PARAMETER, Code.PRECONDITION_FAILED),
        parameters.SCOPE,
        parameters.CONDITIONS,
    ),
    Route(
        "PUT",
        "registries/{name}",
        "registries.put_registry",
        {200: _REGISTRY, 201: _REGISTRY},
        (*_REGISTRIES, *_WRITE, *_IMMUTABLE, Code.REGISTRY_NAME_TAKEN),
        _WRITE_QUERY,
        parameters.CONDITIONS,
        Takes.DOCUMENT,
    ),
    Route(
        "PATCH",
        "registries/{name}",
        "registries.patch_registry",
        {200: _REGISTRY},
        (*_REGISTRIES, *_WRITE, *_IMMUTABLE, Code.REGISTRY_NOT_FOUND),
        _WRITE_QUERY,
        parameters.CONDITIONS,
        Takes.MERGE_PATCH,
    ),
    Route(
        "DELETE",
        "registries/{name}",
        "actions.delete_registry",
        {202: _OPERATION, 204: None},
        (*_REGISTRIES, *_CONDITIONAL, Code.DELETION_PROTECTED, Code.INVALID_PARAMETER),
        _WRITE_QUERY,
        parameters.CONDITIONS,
    ),
    Route(
        "POST",
        "registries/{name}/plan",
        "actions.plan_registry",
        {200: "PlanBody"},
        (*_REGISTRIES, *_UNPARSABLE, Code.INVALID_PARAMETER),
        parameters.SCOPE,
        (),
        Takes.DOCUMENT,
    ),
    Route(
        "POST",
        "registries/{name}/reconcile",
        "actions.reconcile_registry",
        {202: _OPERATION},
        (*_REGISTRIES, *_CONDITIONAL, Code.REGISTRY_NOT_FOUND, Code.INVALID_PARAMETER),
        _WRITE_QUERY,
        parameters.CONDITIONS,
    ),
    Route(
        "GET",
        "registries/{name}/operations",
        "history.list_operations",
        {200: "OperationPage"},
        (*_REGISTRIES, *_PAGED, Code.REGISTRY_NOT_FOUND),
        (*parameters.PAGE, *parameters.SCOPE),
    ),
    Route(
        "GET",
        "registries/{name}/revisions",
        "history.list_revisions",
        {200: "RevisionPage"},
        (*_REGISTRIES, *_PAGED, Code.REGISTRY_NOT_FOUND),
        (*parameters.PAGE, *parameters.SCOPE),
    ),
    Route(
        "GET",
        "registries/{name}/events",
        "history.list_events",
        {200: "EventPage"},
        (*_REGISTRIES, *_PAGED, Code.REGISTRY_NOT_FOUND),
        (*parameters.PAGE, *parameters.SCOPE),
    ),
    Route(
        "GET",
        "registries/{name}/undelivered",
        "history.list_undelivered",
        {200: "UndeliveredPage"},
        (*_REGISTRIES, *_PAGED, Code.REGISTRY_NOT_FOUND),
        (*parameters.PAGE, *parameters.SCOPE),
    ),
    Route(
        "GET",
        "operations/{id}",
        "history.get_operation",
        {200: _OPERATION},
        (*_REGISTRIES, Code.OPERATION_NOT_FOUND),
    ),
    Route(
        "POST",
        "operations/{id}/cancel",
        "history.cancel_operation",
        {200: _OPERATION},
        (*_REGISTRIES, Code.OPERATION_NOT_FOUND, Code.CONCURRENT_CHANGES),
    ),
    Route(
        "POST",
        "webhooks/{source}",
        "webhooks.receive_webhook",
        {200: "DeliveryBody", 422: "DeliveryBody"},
        (
            *_PUBLIC,
            *_UNPARSABLE,
            Code.UNAUTHENTICATED,
            Code.INVALID_HEADER,
            Code.MISSING_FIELD,
            Code.WRONG_TYPE,
            Code.INVALID_VALUE,
            Code.TOO_MANY_ITEMS,
            Code.DELIVERY_REUSED,
            Code.CONCURRENT_CHANGES,
            Code.AUTHORIZATION_UNAVAILABLE,
            Code.STORAGE_UNAVAILABLE,
        ),
        (),
        (),
        Takes.DELIVERY,
    ),
    Route("GET", "regions", "regions.list_regions", {200: "RegionList"}, _ANY),
    Route("GET", "health", "health.get_health", {200: "HealthBody"}, _PUBLIC),
    Route(
        "GET",
        "health/ready",
        "health.get_readiness",
        {200: "ReadinessBody", 503: "ReadinessBody"},
        _PUBLIC,
    ),
    _page("openapi.json", "pages.get_openapi", media_types.JSON),
    _page("registry.schema.json", "pages.get_registry_schema", media_types.JSON_SCHEMA),
    _page("docs", "pages.get_docs", media_types.HTML),
    _page("docs/{file}", "pages.get_docs_file", *media_types.ASSET_TYPES, codes=(Code.RESOURCE_NOT_FOUND,)),
)
"""The registry door, which OpenAPI describes; the contract of the other one is Microsoft's."""

ALL_ROUTES = (*ROUTES, *resource_manager.ROUTES)


def methods_of(path: str) -> list[str]:
    """Return the methods that a path, without the prefix, allows; none when there is no such path."""
    return sorted(route.method for route in ALL_ROUTES if route.matches(path))
