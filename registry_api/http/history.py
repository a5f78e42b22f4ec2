"""Handlers for operations and revisions."""

from http import HTTPStatus

from registry_api.access.identity import authenticate
from registry_api.bootstrap import App
from registry_api.domain.names import key_of
from registry_api.http import parameters, render
from registry_api.http.bodies import OperationPage, RevisionPage
from registry_api.http.continuations import next_link, open_continuation, resuming
from registry_api.http.messages import Answer, Request
from registry_api.http.registries import RETRY_AFTER_SECONDS
from registry_api.service import history


async def get_operation(request: Request, app: App) -> Answer:
    """Read how far an operation is. It stays readable after its registry is gone."""
    caller = authenticate(app.everybody)
    operation = await history.read_operation(request.path["id"], caller=caller, store=app.ports.store)
    headers = {} if operation.is_terminal else {"retry-after": str(RETRY_AFTER_SECONDS)}
    return Answer(HTTPStatus.OK, render.operation_body(operation), headers)


async def cancel_operation(request: Request, app: App) -> Answer:
    """Stop an operation; what the worker is doing just now it ends. One that has ended is answered as it is."""
    caller = authenticate(app.everybody)
    operation = await history.cancel(request.path["id"], caller=caller, ports=app.ports)
    return Answer(HTTPStatus.OK, render.operation_body(operation))


async def list_operations(request: Request, app: App) -> Answer:
    """Read the operations of a registry, the newest first, also when it is gone."""
    caller, name = authenticate(app.everybody), request.path["name"]
    listed = f"operations of {key_of(name)}"
    top, continuation = parameters.top_of(request), open_continuation(request, app, listed)
    with resuming(continuation):
        page = await history.list_operations(name, top, continuation, caller=caller, store=app.ports.store)
    following = next_link(page.continuation, request, app, listed, f"registries/{name}/operations")
    return Answer(
        HTTPStatus.OK, OperationPage(value=[render.operation_body(operation) for operation in page.items], **following)
    )


async def list_revisions(request: Request, app: App) -> Answer:
    """Read every spec that was accepted for a registry, the newest first, each with what it changed."""
    caller, name = authenticate(app.everybody), request.path["name"]
    listed = f"revisions of {key_of(name)}"
    top, continuation = parameters.top_of(request), open_continuation(request, app, listed)
    with resuming(continuation):
        page = await history.list_revisions(name, top, continuation, caller=caller, store=app.ports.store)
    following = next_link(page.continuation, request, app, listed, f"registries/{name}/revisions")
    return Answer(
        HTTPStatus.OK, RevisionPage(value=[render.revision_body(revision) for revision in page.items], **following)
    )
