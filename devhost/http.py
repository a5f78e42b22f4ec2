"""The HTTP side of the host: one ASGI application in front of the route table."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from devhost.admin import Admin
from devhost.app import Function
from devhost.inputs import http_input
from devhost.invoke import InvocationError, Invoker, trace_context
from devhost.messages import BadRequestError, Reply, Request, fold_request, reply_of
from devhost.routes import RouteTable

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

DEFAULT_BODY_LIMIT = 104_857_600  # azure-functions-host, ScriptConstants.cs
_HOME_PAGE = b"<!DOCTYPE html><title>devhost</title><h1>Your function app is up and running</h1>"


class _Disconnected(Exception):  # noqa: N818 - it is not an error, only the end of a request
    """The caller went away before the request was complete."""


@dataclasses.dataclass(frozen=True)
class Cors:
    """The origins that a browser may call from (local.settings.json, `Host.CORS`)."""

    origins: tuple[str, ...] = ()
    credentials: bool = False

    def headers(self, origin: str) -> dict[str, str]:
        """Return the headers that let an origin in, none if it is not welcome."""
        if "*" in self.origins:
            return {"Access-Control-Allow-Origin": "*"}
        if origin not in self.origins:
            return {}
        allowed = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        if self.credentials:
            allowed["Access-Control-Allow-Credentials"] = "true"
        return allowed

    def preflight(self, request: Request) -> Reply | None:
        """Answer a preflight request before routing, as ASP.NET does; None for any other request."""
        wanted = request.headers.get("access-control-request-method")
        if not (self.origins and request.method == "OPTIONS" and request.headers.get("origin") and wanted):
            return None
        allowed = self.headers(request.headers["origin"])
        if allowed:
            allowed["Access-Control-Allow-Methods"] = wanted
            if headers := request.headers.get("access-control-request-headers"):
                allowed["Access-Control-Allow-Headers"] = headers
        return Reply(204, list(allowed.items()))


class HttpHost:
    """The ASGI application.

    Args:
        table: The routes.
        invoker: What runs the functions.
        admin: The host's own endpoints.
        cors: Who may call from a browser.
        custom_headers: host.json's `customHeaders`, added where absent.
        environment: Where the host's switches are looked up.
    """

    def __init__(
        self,
        *,
        table: RouteTable,
        invoker: Invoker,
        admin: Admin,
        cors: Cors,
        custom_headers: Mapping[str, str],
        environment: Mapping[str, str],
    ) -> None:
        self._table = table
        self._invoker = invoker
        self._admin = admin
        self._cors = cors
        self._custom_headers = custom_headers
        self._show_home_page = environment.get("AzureWebJobsDisableHomepage", "").lower() != "true"
        self._body_limit = int(environment.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", DEFAULT_BODY_LIMIT))

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not served")
        try:
            request = fold_request(
                method=scope["method"],
                scheme=scope["scheme"],
                raw_path=scope["raw_path"],
                raw_query=scope["query_string"],
                headers=scope["headers"],
            )
        except BadRequestError:
            await _write(Reply(400), send)
            return
        try:
            reply = await self._answer(request, receive)
        except _Disconnected:
            return
        if origin := request.headers.get("origin"):
            reply.add_missing(self._cors.headers(origin))
        reply.add_missing(self._custom_headers)
        await _write(reply, send)

    async def _answer(self, request: Request, receive: Receive) -> Reply:
        if preflight := self._cors.preflight(request):
            return preflight
        if self._admin.owns(request.path):
            return self._admin.answer(request.method, request.path, await self._read(receive))
        match = self._table.find(request.method, request.path)
        if match is None:
            return self._home_page() if request.path == "/" else Reply(404)
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._body_limit:
            return Reply(413)
        body = await self._read(receive)
        if length.isdecimal():  # without Content-Length the host passes no body (GrpcMessageConversionExtensions.cs)
            request = dataclasses.replace(request, body=body)
        return await self._run(request, *match)

    async def _run(self, request: Request, function: Function, route_values: dict[str, str]) -> Reply:
        argument = http_input(request, route_values)
        try:
            return await self._invoker.invoke(
                function, argument, convert=reply_of, trace=trace_context(request.headers)
            )
        except InvocationError:
            return Reply(500)

    def _home_page(self) -> Reply:
        """Answer `/` when no function does (azure-functions-host, HomepageMiddleware.cs)."""
        return Reply(200, [("content-type", "text/html")], _HOME_PAGE) if self._show_home_page else Reply(204)

    async def _read(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Disconnected
            chunk = message.get("body", b"")
            size += len(chunk)
            if size <= self._body_limit:
                chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)


async def _write(reply: Reply, send: Send) -> None:
    """Write a reply: without Content-Length, so in chunks, unless it is empty (azure-functions-host#3765)."""
    own = ("content-length", "transfer-encoding", "connection")
    headers = [(name, value) for name, value in reply.headers if name.lower() not in own]
    if not reply.body and reply.status not in (204, 304):
        headers.append(("content-length", "0"))
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        }
    )
    await send({"type": "http.response.body", "body": reply.body})
