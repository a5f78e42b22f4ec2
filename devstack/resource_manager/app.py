"""The server: https requests in, answers out, all of them logged."""

import base64
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from devstack.resource_manager.authorization import Authorization
from devstack.resource_manager.cloud import Clock, Cloud
from devstack.resource_manager.control import CONTROL_PATH, Control
from devstack.resource_manager.faults import Faults
from devstack.resource_manager.messages import ArmError, Request, Response
from devstack.resource_manager.routes import Routes

READY = "[azure-stub] ready: "
"""What stands before the address once it listens."""

IDENTITY_PATH = "/msi/token"
TOKEN_LIFE = 3600
_AUDIENCE = "https://management.azure.com/"

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Logged:
    """A request, and the status of its answer."""

    method: str
    path: str
    query: Mapping[str, str]
    status: int
    body: Any


class ResourceManager:
    """The whole stand-in, as an ASGI app.

    Args:
        clock: The time of its cloud.
    """

    def __init__(self, clock: Clock) -> None:
        self.url = ""  # set once it listens
        self._cloud = Cloud(clock)
        self._faults = Faults()
        self._log: list[Logged] = []
        self._authorization = Authorization()
        self._routes = Routes(self._cloud, self._authorization, lambda: self.url)
        self._control = Control(self._cloud, self._authorization, self._faults, self._log)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        request = await _read(scope, receive)
        response = self._answer(request)
        headers = {"content-type": "application/json; charset=utf-8", **response.headers}
        headers["content-length"] = str(len(response.content))
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": encoded})
        await send({"type": "http.response.body", "body": response.content})

    def _answer(self, request: Request) -> Response:
        try:
            if request.path.startswith(CONTROL_PATH):
                return self._control.answer(request)
            if request.path == IDENTITY_PATH:
                return _token(request)
            response = self._serve(request)
        except ArmError as error:
            response = error.response
        if not request.path.startswith((CONTROL_PATH, IDENTITY_PATH)):
            self._log.append(
                Logged(request.method, request.path, request.query, response.status, _logged_body(request))
            )
        return response

    def _serve(self, request: Request) -> Response:
        if not request.headers.get("authorization", "").startswith("Bearer "):
            raise ArmError(
                HTTPStatus.UNAUTHORIZED,
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if not request.query.get("api-version"):
            raise ArmError(
                HTTPStatus.BAD_REQUEST,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            )
        self._cloud.settle()
        fault = self._faults.strike(request)
        if fault is None:
            return self._routes.answer(request)
        if fault.after:
            self._routes.answer(request)
        raise fault.error()


def _logged_body(request: Request) -> Any:
    try:
        return request.body if request.content else None
    except ArmError:
        return None


def _token(request: Request) -> Response:
    """Return an unsigned token, as App Service's managed identity endpoint gives signed ones."""
    if "x-identity-header" not in request.headers:
        raise ArmError(HTTPStatus.UNAUTHORIZED, "Unauthorized", "The header X-IDENTITY-HEADER is missing.")
    now = int(time.time())  # not that of the cloud: the client looks at its own clock
    claims = {
        "aud": request.query.get("resource", _AUDIENCE),
        "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000001/",
        "iat": now,
        "nbf": now - 60,
        "exp": now + TOKEN_LIFE,
        "oid": request.query.get("client_id", "00000000-0000-0000-0000-00000000000a"),
    }
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims)]
    token = ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "unsigned"])
    body = {"access_token": token, "expires_on": str(claims["exp"]), "resource": claims["aud"], "token_type": "Bearer"}
    return Response(HTTPStatus.OK, body)


async def _read(scope: Scope, receive: Receive) -> Request:
    content, more = b"", True
    while more:
        event = await receive()
        content += event.get("body", b"")
        more = event.get("more_body", False)
    return Request(
        method=scope["method"],
        path=scope["path"].rstrip("/") or "/",
        query=dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
        headers={name.decode().lower(): value.decode() for name, value in scope["headers"]},
        content=content,
    )
