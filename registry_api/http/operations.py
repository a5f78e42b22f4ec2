"""The handler for operations."""

from http import HTTPStatus

from registry_api.access.identity import authenticate
from registry_api.bootstrap import App
from registry_api.http import render
from registry_api.http.messages import Answer, Request
from registry_api.http.registries import RETRY_AFTER_SECONDS
from registry_api.service import operations


async def get_operation(request: Request, app: App) -> Answer:
    """Read how far an operation is."""
    request.check_query()
    operation = await operations.read(request.path["id"], caller=authenticate(app.everybody), store=app.store)
    headers = {} if operation.is_terminal else {"retry-after": str(RETRY_AFTER_SECONDS)}
    return Answer(HTTPStatus.OK, render.operation_body(operation), headers)
