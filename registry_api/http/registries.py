"""The registry door: handlers that parse, make one service call and render."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from registry_api.access.identity import authenticate
from registry_api.bootstrap import App
from registry_api.domain import regions
from registry_api.domain.problems import Code, Refusal, refuse
from registry_api.domain.registry import Registry, Scope
from registry_api.domain.validation import ValidDocument, validate
from registry_api.http import documents, render
from registry_api.http.messages import Answer, Request
from registry_api.service import registries

RETRY_AFTER_SECONDS = 1
_MAX_PAGE = 100
_DEFAULT_PAGE = 50
_SCOPE = ("subscription_id", "resource_group")


async def create_registry(request: Request, app: App) -> Answer:
    """Create a registry that does not exist yet."""
    return await _put(request, app, None)


async def put_registry(request: Request, app: App) -> Answer:
    """Create a registry, or change it to be as the document says."""
    return await _put(request, app, request.path["name"])


async def get_registry(request: Request, app: App) -> Answer:
    """Read a registry."""
    request.check_query(*_SCOPE)
    registry = await registries.read(request.path["name"], caller=authenticate(app.everybody), store=app.store)
    return Answer(HTTPStatus.OK, render.registry_body(registry), {"etag": registry.etag})


async def list_registries(request: Request, app: App) -> Answer:
    """Read the registries of the caller's tenant, page by page."""
    request.check_query("top", "continuation")
    top = _top(request.query.get("top"))
    page = await registries.list_page(
        top, request.query.get("continuation"), caller=authenticate(app.everybody), store=app.store
    )
    body: dict[str, Any] = {"value": [render.registry_body(registry) for registry in page.registries]}
    if page.continuation is not None:
        query = urlencode({"top": top, "continuation": page.continuation})
        body["next_link"] = f"{request.base_url}/registries?{query}"
    return Answer(HTTPStatus.OK, body)


async def delete_registry(request: Request, app: App) -> Answer:
    """Start to delete a registry."""
    request.check_query(*_SCOPE)
    registry = await registries.delete(
        request.path["name"],
        caller=authenticate(app.everybody),
        traceparent=request.headers.get("traceparent"),
        store=app.store,
        queue=app.queue,
        clock=app.clock,
        ids=app.ids,
    )
    if registry is None:
        return Answer(HTTPStatus.NO_CONTENT)
    return Answer(
        HTTPStatus.ACCEPTED,
        render.operation_body(registry.operation),
        {"etag": registry.etag, **_follow(request, registry)},
    )


async def list_regions(request: Request, app: App) -> Answer:
    """Read the catalogue of regions."""
    request.check_query()
    authenticate(app.everybody)
    return Answer(HTTPStatus.OK, {"value": [render.region_body(region) for region in regions.catalogue().values()]})


async def _put(request: Request, app: App, name: str | None) -> Answer:
    request.check_query(*_SCOPE)
    caller = authenticate(app.everybody)
    written = await registries.put(
        _valid_document(request, name),
        caller=caller,
        scope=_scope(request, app),
        traceparent=request.headers.get("traceparent"),
        must_be_new=name is None,
        store=app.store,
        queue=app.queue,
        clock=app.clock,
        ids=app.ids,
    )
    return Answer(
        HTTPStatus.CREATED if written.created else HTTPStatus.OK,
        render.registry_body(written.registry),
        {
            "etag": written.registry.etag,
            **({"location": f"{request.base_url}/registries/{written.registry.spec.name}"} if written.created else {}),
            **(_follow(request, written.registry) if written.changed else {}),
        },
    )


def _valid_document(request: Request, name: str | None) -> ValidDocument:
    document = documents.read(request.body, request.headers)
    try:
        return validate(document.value, name)
    except Refusal as refusal:
        raise document.locate(refusal) from None


def _scope(request: Request, app: App) -> Scope:
    return Scope(
        subscription_id=request.query.get("subscription_id", app.settings.subscription_id),
        resource_group=request.query.get("resource_group", app.settings.resource_group),
    )


def _follow(request: Request, registry: Registry) -> dict[str, str]:
    return {
        "operation-location": f"{request.base_url}/operations/{registry.operation.id}",
        "retry-after": str(RETRY_AFTER_SECONDS),
    }


def _top(text: str | None) -> int:
    if text is None:
        return _DEFAULT_PAGE
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MAX_PAGE)) and 1 <= int(text) <= _MAX_PAGE):
        raise refuse(Code.INVALID_PARAMETER, f"'top' must be a whole number from 1 to {_MAX_PAGE}.", "top")
    return int(text)
