"""Where the Functions host ends and the app begins: requests come in, answers go out, nothing else does.

The host answers an unhandled exception with an empty 500 and a wrong method or path with an empty 404
(azure-functions-host, ExceptionMiddleware and WebScriptHostHttpRoutesManager), so everything is caught here.
"""

import json
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

import azure.functions as func

from registry_api import bootstrap
from registry_api.domain.problems import Code, Problem, Refusal
from registry_api.http.errors import error_answer
from registry_api.http.messages import Answer, Request
from registry_api.http.routes import PREFIX, ROUTES, Handler, methods_of
from registry_api.service.ports import StorageUnavailable

_log = logging.getLogger(__name__)
_CLIENT_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")

blueprint = func.Blueprint()  # type: ignore[no-untyped-call] # the SDK's class has no annotations


def _function_of(handler: Handler) -> Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]:
    async def serve(req: func.HttpRequest) -> func.HttpResponse:
        return _encode(await _answer(req, handler), req.headers)

    return serve


for _route in ROUTES:
    blueprint.function_name(_route.name)(
        blueprint.route(route=_route.template, methods=[_route.method], auth_level=func.AuthLevel.ANONYMOUS)(
            _function_of(_route.handler)
        )
    )


# The host tries functions in the order of their names and takes the first whose route matches.
@blueprint.function_name("zz_no_such_route")
@blueprint.route(route="{*path}", auth_level=func.AuthLevel.ANONYMOUS)
async def no_such_route(req: func.HttpRequest) -> func.HttpResponse:
    """Answer what no other function takes: a wrong method, or a path that is not there."""
    path = urlsplit(req.url).path.strip("/").removeprefix(PREFIX).strip("/")
    allowed = methods_of(path)
    if allowed:
        problem = Problem(Code.METHOD_NOT_ALLOWED, f"{req.method} is not allowed here; allowed: {', '.join(allowed)}.")
        answer = error_answer([problem], {"allow": ", ".join(allowed)})
    else:
        known = ", ".join(sorted({f"/{PREFIX}/{route.template}" for route in ROUTES}))
        answer = error_answer([Problem(Code.RESOURCE_NOT_FOUND, f"There is no such path. Known paths: {known}.")])
    return _encode(answer, req.headers)


async def _answer(req: func.HttpRequest, handler: Handler) -> Answer:
    try:
        return await handler(_request(req), bootstrap.app())
    except Refusal as refusal:
        return error_answer(refusal.problems)
    except StorageUnavailable:
        _log.warning("Storage is unavailable.", exc_info=True)
        problem = Problem(Code.STORAGE_UNAVAILABLE, "The service's storage does not answer; try again soon.")
        return error_answer([problem], {"retry-after": "5"})
    except Exception:  # noqa: BLE001 - no stack trace may reach a caller
        _log.exception("A request failed in a way that nobody foresaw.")
        return error_answer([Problem(Code.INTERNAL_ERROR, "An unexpected error; the log has it under the request id.")])


def _request(req: func.HttpRequest) -> Request:
    address = urlsplit(req.url)
    return Request(
        method=req.method,
        base_url=f"{address.scheme}://{address.netloc}/{PREFIX}",
        path=req.route_params,
        query=req.params,
        headers=req.headers,
        body=req.get_body(),
    )


def _encode(answer: Answer, asked: Mapping[str, str]) -> func.HttpResponse:
    headers = {"x-ms-request-id": str(uuid.uuid4()), **answer.headers}
    client_id = asked.get("x-ms-client-request-id", "")
    if _CLIENT_REQUEST_ID.fullmatch(client_id):
        headers["x-ms-client-request-id"] = client_id
    if answer.body is None:
        return func.HttpResponse(status_code=answer.status, headers=headers)
    return func.HttpResponse(
        json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")) + "\n",
        status_code=answer.status,
        headers=headers,
        mimetype="application/json",
    )
