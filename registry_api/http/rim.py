"""Where the Functions host ends and the app begins: requests come in, answers go out, nothing else does.

The host answers an unhandled exception with an empty 500 and a wrong method or path with an empty 404
(azure-functions-host, ExceptionMiddleware and WebScriptHostHttpRoutesManager), so everything is caught here.
"""

import asyncio
import logging
import re
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from ipaddress import IPv6Address
from urllib.parse import parse_qsl

import azure.functions as func

from registry_api import bootstrap
from registry_api.domain.caller import NOBODY, Caller
from registry_api.domain.problems import Code, Problem, Refusal, refuse
from registry_api.http.errors import error_answer
from registry_api.http.messages import Answer, Request
from registry_api.http.route import PREFIX, Route
from registry_api.http.routes import ALL_ROUTES, methods_of
from registry_api.service.ports import StorageUnavailable, UnreadableError
from registry_api.startup import SettingsError
from registry_api.telemetry import Counter as Counted
from registry_api.telemetry import count, span

_log = logging.getLogger(__name__)
_ANSWER_WITHIN = 9.0  # seconds: less than the ten that callers are promised
_SERVER_ERROR = 500
_ADDRESS = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]+)?(?=/|$)")
_CLIENT_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


async def serve(route: Route, req: func.HttpRequest, context: func.Context | None) -> func.HttpResponse:
    """Answer a request of a route.

    Args:
        route: The route.
        req: What the host says of the request.
        context: What the host says of the invocation; without one, the request's own headers tell the trace.
    """

    async def find(req: func.HttpRequest, request_id: str) -> Answer:
        app = bootstrap.app()
        caller = NOBODY if route.is_public or route.is_signed else await app.identity.caller_of(req.headers)
        request = route.load_check()(_request(req, caller, request_id), route.query)
        return await route.load()(request, app)

    return await _respond(req, find, route.name, context)


async def no_such_route(req: func.HttpRequest, context: func.Context | None) -> func.HttpResponse:
    """Answer what no route takes: a wrong method, or a path that is not there."""
    return await _respond(req, _no_such_route, "no_such_route", context)


async def _no_such_route(req: func.HttpRequest, request_id: str) -> Answer:
    del request_id
    allowed = methods_of(req.route_params.get("path", ""))
    if allowed:
        problem = Problem(Code.METHOD_NOT_ALLOWED, f"{req.method} is not allowed here; allowed: {', '.join(allowed)}.")
        return error_answer([problem], {"allow": ", ".join(allowed)})
    known = ", ".join(sorted({f"/{PREFIX}/{route.template}" for route in ALL_ROUTES}))
    return error_answer([Problem(Code.RESOURCE_NOT_FOUND, f"There is no such path. Known paths: {known}.")])


_Find = Callable[[func.HttpRequest, str], Awaitable[Answer]]


async def _respond(req: func.HttpRequest, find: _Find, route: str, context: func.Context | None) -> func.HttpResponse:
    with suppress(SettingsError):  # which the answer tells
        bootstrap.settings()  # as they say whether the first request is recorded too
    parent = req.headers.get("traceparent") if context is None else context.trace_context.trace_parent
    with span("request", parent, route=route) as asked:
        response = await _answer(req, find)
        asked.ended(str(response.status_code), failed=response.status_code >= _SERVER_ERROR)
    count(Counted.REQUESTS, route=route, status=f"{response.status_code // 100}xx")
    return response


async def _answer(req: func.HttpRequest, find: _Find) -> func.HttpResponse:
    request_id = str(uuid.uuid4())
    try:
        async with asyncio.timeout(_ANSWER_WITHIN):
            return _encode(await find(req, request_id), req.headers, request_id)
    except Refusal as refusal:
        answer = error_answer(refusal.problems)
    except (StorageUnavailable, TimeoutError):
        _log.warning("There is no answer in time.", exc_info=True)
        problem = Problem(
            Code.STORAGE_UNAVAILABLE, "The service, or its storage, does not answer in time; try again soon."
        )
        answer = error_answer([problem])
    except UnreadableError:
        _log.exception("Request %s needs what cannot be read.", request_id)
        problem = Problem(
            Code.INTERNAL_ERROR,
            "A record that this needs cannot be read, and was left as it is; the log names it, under the request id.",
        )
        answer = error_answer([problem])
    except Exception:  # noqa: BLE001 - no stack trace may reach a caller
        _log.exception("Request %s failed in a way that nobody foresaw.", request_id)
        problem = Problem(Code.INTERNAL_ERROR, "An unexpected error; the log has it under the request id.")
        answer = error_answer([problem])
    return _encode(answer, req.headers, request_id)


def _request(req: func.HttpRequest, caller: Caller, request_id: str) -> Request:
    address = _ADDRESS.match(req.url)
    if address is None or not _is_address(address[1]):
        raise refuse(Code.INVALID_HEADER, "Host must be a host name or address, perhaps with a port.", "Host")
    query, repeated = _query(req.url)
    return Request(
        method=req.method,
        base_url=f"{address[0]}/{PREFIX}",
        path=req.route_params,
        query=query,
        repeated=repeated,
        headers=req.headers,
        body=req.get_body(),
        caller=caller,
        id=request_id,
    )


def _is_address(host: str) -> bool:
    """Tell whether what is in brackets is an address, as nothing else may be there; other hosts are names."""
    if not host.startswith("["):
        return True
    try:
        IPv6Address(host[1:-1])
    except ValueError:
        return False
    return True


def _query(url: str) -> tuple[dict[str, str], frozenset[str]]:
    """Return the query, with the parameters without a value that the host drops, and which are given several times.

    The host hands no parameter without a value to the app (azure-functions-host, GrpcMessageConversionExtensions),
    and a request whose `validate_only=` is not seen would be carried out.
    """
    pairs = parse_qsl(url.partition("#")[0].partition("?")[2], keep_blank_values=True)
    query = dict(pairs)
    if len(query) == len(pairs):
        return query, frozenset()
    counts = Counter(name for name, _ in pairs)
    return query, frozenset(name for name, count in counts.items() if count > 1)


def _encode(answer: Answer, asked: Mapping[str, str], request_id: str) -> func.HttpResponse:
    headers = {"x-ms-request-id": request_id, **answer.headers}
    client_id = asked.get("x-ms-client-request-id", "")
    if _CLIENT_REQUEST_ID.fullmatch(client_id):
        headers["x-ms-client-request-id"] = client_id
    content = answer.text
    if answer.body is not None:
        content = answer.body.model_dump_json(exclude_unset=True) + "\n"
    return func.HttpResponse(content, status_code=answer.status, headers=headers, mimetype=answer.media_type)
