"""Handler of the addresses that clients poll."""

from http import HTTPStatus

from registry_api.bootstrap import App
from registry_api.domain.operation import OperationKind, OperationStatus
from registry_api.domain.problems import Code, refuse
from registry_api.http.messages import Answer, Request
from registry_api.http.registries import RETRY_AFTER_SECONDS
from registry_api.http.resource_manager.addresses import inquiry_of, status_address, status_path
from registry_api.http.resource_manager.bodies import FailureBody, OperationFailure
from registry_api.http.resource_manager.contract import ASYNC, LOCATION, STATUS_TYPE
from registry_api.http.resource_manager.rendering import operation_status, registry_resource
from registry_api.service import history, reading


async def get_registry_operation_status(request: Request, app: App) -> Answer:
    """Read how far an operation is, or, once it has ended, what it has led to."""
    kind = request.query.get(STATUS_TYPE.name, ASYNC).lower()
    if kind not in {ASYNC, LOCATION}:
        raise refuse(Code.INVALID_PARAMETER, f"'type' must be {ASYNC} or {LOCATION}.", STATUS_TYPE.name)
    inquiry = inquiry_of(request, app)
    operation = await history.read_operation(request.path["id"], inquiry, ports=app.ports)
    path = status_path(request.path["subscription"], request.path["location"], operation.id)
    waiting = {} if operation.is_terminal else {"retry-after": str(RETRY_AFTER_SECONDS)}
    if kind == ASYNC:
        return Answer(HTTPStatus.OK, operation_status(operation, f"/{path}"), waiting)
    if not operation.is_terminal:
        headers = {"location": status_address(request, path, LOCATION), **waiting}
        return Answer(HTTPStatus.ACCEPTED, headers=headers)
    if operation.error is not None:
        failure = OperationFailure(code=operation.error.code, message=operation.error.message)
        return Answer(HTTPStatus.CONFLICT, FailureBody(error=failure), {"x-ms-error-code": failure.code})
    if operation.kind is OperationKind.DELETE and operation.status is OperationStatus.SUCCEEDED:
        return Answer(HTTPStatus.NO_CONTENT)
    registry = await reading.read(operation.registry, inquiry, ports=app.ports)
    return Answer(HTTPStatus.OK, registry_resource(registry, request.base_url), {"etag": registry.etag})
