"""Handlers of the Resource Manager door: parse, make one service call, render."""

from collections.abc import Mapping
from http import HTTPStatus

from registry_api.bootstrap import App
from registry_api.domain.registry import Registry
from registry_api.domain.validation import examine_regions
from registry_api.http import documents
from registry_api.http.continuations import next_link, open_continuation, resuming
from registry_api.http.messages import Answer, Request
from registry_api.http.parameters import DEFAULT_PAGE
from registry_api.http.registries import RETRY_AFTER_SECONDS
from registry_api.http.resource_manager.addresses import (
    inquiry_of,
    intent_of,
    list_path,
    status_address,
    status_path,
)
from registry_api.http.resource_manager.bodies import RegistryList
from registry_api.http.resource_manager.contract import ASYNC, LOCATION, SKIP
from registry_api.http.resource_manager.reading import read_patch, read_regions, read_resource
from registry_api.http.resource_manager.rendering import registry_resource
from registry_api.service import amending, reading, registries

MAX_BYTES = 1024 * 1024  # the largest registry, with all its names and ids, as spread out as a client may write it


async def list_registry_resources(request: Request, app: App) -> Answer:
    """Read the registries of a subscription or of a resource group, page by page."""
    inquiry = inquiry_of(request, app)
    listed = f"registry resources {inquiry.within}"
    continuation = open_continuation(request, app, listed, SKIP)
    with resuming(SKIP):
        page = await reading.list_page(DEFAULT_PAGE, continuation, inquiry, ports=app.ports)
    value = [registry_resource(registry, request.base_url) for registry in page.items]
    return Answer(
        HTTPStatus.OK,
        RegistryList(
            value=value, **next_link(page.continuation, request, app, listed, list_path(inquiry.within), parameter=SKIP)
        ),
    )


async def list_registry_resources_in_group(request: Request, app: App) -> Answer:
    """Read the registries of a resource group, page by page."""
    return await list_registry_resources(request, app)


async def get_registry_resource(request: Request, app: App) -> Answer:
    """Read a registry."""
    registry = await reading.read(request.path["name"], inquiry_of(request, app), ports=app.ports)
    return _told(request, registry)


async def put_registry_resource(request: Request, app: App) -> Answer:
    """Create a registry, or change it; what the body leaves out may stay, and regions are only added."""
    intent = intent_of(request, app)
    resource = read_resource(_body(request))
    with resource.in_the_callers_words():
        outcome = await amending.amend(
            resource.document, request.path["name"], intent, allowed=app.settings.allowed, ports=app.ports
        )
    status = HTTPStatus.CREATED if outcome.created else HTTPStatus.OK
    return _told(request, outcome.registry, status, _follow(request, outcome.registry))


async def patch_registry_resource(request: Request, app: App) -> Answer:
    """Change the tags of a registry, by a JSON merge patch of them."""
    intent = intent_of(request, app)
    merge = read_patch(_body(request))
    outcome = await registries.patch(request.path["name"], merge, intent, allowed=app.settings.allowed, ports=app.ports)
    return _told(request, outcome.registry)


async def delete_registry_resource(request: Request, app: App) -> Answer:
    """Start to delete a registry; its name is free when the operation has succeeded."""
    registry = await registries.delete(request.path["name"], intent_of(request, app), ports=app.ports)
    if registry is None:
        return Answer(HTTPStatus.NO_CONTENT)
    return Answer(HTTPStatus.ACCEPTED, headers=_follow(request, registry))


async def remove_registry_regions(request: Request, app: App) -> Answer:
    """Take away the regions of a registry that the body names."""
    intent = intent_of(request, app)
    named = read_regions(_body(request))
    with named.in_the_callers_words():
        regions = examine_regions(named.document["replication_locations"])
        outcome = await amending.remove_regions(request.path["name"], regions, intent, ports=app.ports)
    headers = _follow(request, outcome.registry)
    return _told(request, outcome.registry, HTTPStatus.ACCEPTED if headers else HTTPStatus.OK, headers)


def _body(request: Request) -> object:
    return documents.read(request.body, request.headers, documents.JSON_TYPES, MAX_BYTES).value


def _told(
    request: Request,
    registry: Registry,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    return Answer(status, registry_resource(registry, request.base_url), {"etag": registry.etag, **(headers or {})})


def _follow(request: Request, registry: Registry) -> dict[str, str]:
    """Return where to follow what is under way, if anything is."""
    if registry.operation.is_terminal:
        return {}
    path = status_path(registry.scope.subscription_id, registry.spec.location, registry.operation.id)
    return {
        "azure-asyncoperation": status_address(request, path, ASYNC),
        "location": status_address(request, path, LOCATION),
        "retry-after": str(RETRY_AFTER_SECONDS),
    }
