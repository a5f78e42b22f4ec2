"""Handlers for operations and revisions."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

from registry_api.bootstrap import App
from registry_api.domain.names import key_of
from registry_api.http import arguments, render
from registry_api.http.bodies import EventPage, OperationPage, RevisionPage, UndeliveredPage
from registry_api.http.continuations import next_link, open_continuation, resuming
from registry_api.http.messages import Answer, Request
from registry_api.http.registries import RETRY_AFTER_SECONDS
from registry_api.service import history
from registry_api.service.accepting import Intent
from registry_api.service.ports import Page

T = TypeVar("T")


async def get_operation(request: Request, app: App) -> Answer:
    """Read how far an operation is. It stays readable after its registry is gone."""
    operation = await history.read_operation(request.path["id"], arguments.inquiry_of(request, app), ports=app.ports)
    headers = {} if operation.is_terminal else {"retry-after": str(RETRY_AFTER_SECONDS)}
    return Answer(HTTPStatus.OK, render.operation_body(operation), headers)


async def cancel_operation(request: Request, app: App) -> Answer:
    """Stop an operation; what the worker is doing just now it ends. One that has ended is answered as it is."""
    intent = Intent(
        request.caller,
        *arguments.places_of(request, app),
        origin=arguments.origin_of(request),
    )
    operation = await history.cancel(request.path["id"], intent, ports=app.ports)
    return Answer(HTTPStatus.OK, render.operation_body(operation))


async def list_operations(request: Request, app: App) -> Answer:
    """Read the operations of a registry, the newest first, also when it is gone."""
    page, following = await _page(history.list_operations, "operations", request, app)
    return Answer(
        HTTPStatus.OK, OperationPage(value=[render.operation_body(operation) for operation in page.items], **following)
    )


async def list_revisions(request: Request, app: App) -> Answer:
    """Read every spec that was accepted for a registry, the newest first, each with what it changed."""
    page, following = await _page(history.list_revisions, "revisions", request, app)
    return Answer(
        HTTPStatus.OK, RevisionPage(value=[render.revision_body(revision) for revision in page.items], **following)
    )


async def list_events(request: Request, app: App) -> Answer:
    """Read what happened to a registry, the newest first: who, what, when and from where. Also when it is gone."""
    page, following = await _page(history.list_events, "events", request, app)
    return Answer(HTTPStatus.OK, EventPage(value=[render.event_body(event) for event in page.items], **following))


async def list_undelivered(request: Request, app: App) -> Answer:
    """Read what subscribers were not told of, and will not be: whom, what, how often it was tried and why it failed."""
    page, following = await _page(history.list_undelivered, "undelivered", request, app)
    return Answer(HTTPStatus.OK, UndeliveredPage(value=list(map(render.undelivered_body, page.items)), **following))


async def _page(
    read: Callable[..., Awaitable[Page[T]]], kind: str, request: Request, app: App
) -> tuple[Page[T], dict[str, str]]:
    """Return a page of a registry's history, and the field that leads to the next one."""
    name, inquiry = request.path["name"], arguments.inquiry_of(request, app)
    listed = f"{kind} of {key_of(name)} {inquiry.within}"
    top, continuation = arguments.top_of(request), open_continuation(request, app, listed)
    with resuming():
        page = await read(name, top, continuation, inquiry, ports=app.ports)
    return page, next_link(page.continuation, request, app, listed, f"registries/{name}/{kind}")
