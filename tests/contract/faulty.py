"""A proxy that breaks connections, for behaviour that a healthy Azurite does not show."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from enum import Enum, auto
from http import HTTPStatus
from typing import Self

import aiohttp
from aiohttp import web
from yarl import URL

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: what is not sent yet is thrown away, and the other side is told
_IDLE_AT_MOST = 2.0  # Azurite drops a connection after five idle seconds; no fault may happen that nobody asked for


class Fault(Enum):
    """What goes wrong with one request."""

    ANSWER_LOST = auto()  # it is carried out, then the connection breaks
    SERVER_BUSY = auto()  # 503, and it is not carried out
    SERVER_FAILS = auto()  # 500, and it is not carried out
    SILENCE = auto()  # nothing happens any more
    THROTTLED = auto()  # 429 with Retry-After, and it is not carried out
    FAILS_AFTERWARDS = auto()  # 500, but it is carried out
    REQUEST_RESET = auto()  # the connection is reset before all of the request was read; it is not carried out
    ANSWER_RESET = auto()  # it is carried out, then the connection is reset in the middle of the answer
    ANSWER_TRUNCATED = auto()  # it is carried out, then the connection is closed in the middle of the answer
    SLOW_REQUEST = auto()  # it is carried out later
    SLOW_ANSWER = auto()  # it is carried out, and answered later


_ANSWERS = {
    Fault.SERVER_BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    Fault.SERVER_FAILS: HTTPStatus.INTERNAL_SERVER_ERROR,
    Fault.THROTTLED: HTTPStatus.TOO_MANY_REQUESTS,
}


class FaultyProxy:
    """Passes requests on to a port of this machine, but for the next ones in `faults`.

    Args:
        target: The port.
        choose: Tells what goes wrong with a request, instead of `faults`.
        delay: Tells for how many seconds something is slow.
        seen: Is told every request that was carried out, with the answer of the target.
    """

    def __init__(
        self,
        target: int,
        *,
        choose: Callable[[], Fault | None] | None = None,
        delay: Callable[[], float] = lambda: 1.0,
        seen: Callable[[web.BaseRequest, bytes, web.Response], None] = lambda *_: None,
    ) -> None:
        self._target = target
        self._port = 0
        self._open = AsyncExitStack()
        self._choose = choose or (lambda: self.faults.popleft() if self.faults else None)
        self._delay = delay
        self._seen = seen
        self.faults: deque[Fault] = deque()
        self.methods: list[str] = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def before(self, address: str) -> str:
        """Return a connection string, or an endpoint, by which the proxy is reached instead of its target."""
        return f"{address}/".replace(f":{self._target}/", f":{self._port}/")[:-1]

    async def start(self) -> None:
        """Listen, on the same port as before."""
        # Requests are signed with all of their headers.
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_AT_MOST),
            auto_decompress=False,
            skip_auto_headers=["Content-Type"],
        )
        self._session = await self._open.enter_async_context(session)
        runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
        await runner.setup()
        self._open.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", self._port).start()
        self._port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Break all connections and listen no more."""
        await self._open.aclose()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.methods.append(request.method)
        fault = self._choose()
        match fault:
            case Fault.SILENCE:
                await asyncio.Event().wait()
            case Fault.REQUEST_RESET:
                _break_off(request, reset=True)
                return web.Response()
            case Fault.SLOW_REQUEST:
                await asyncio.sleep(self._delay())
        if fault in _ANSWERS:
            headers = {"Retry-After": "1"} if fault is Fault.THROTTLED else {}
            return web.Response(status=_ANSWERS[fault], headers=headers)
        try:
            answer = await self._pass_on(request)
        except (aiohttp.ClientError, ConnectionError):  # either side has gone
            _break_off(request, reset=True)
            return web.Response()
        match fault:
            case Fault.FAILS_AFTERWARDS:
                return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)
            case Fault.SLOW_ANSWER:
                await asyncio.sleep(self._delay())
            case Fault.ANSWER_LOST:
                _break_off(request)
            case Fault.ANSWER_RESET | Fault.ANSWER_TRUNCATED:
                _break_off(request, answer, reset=fault is Fault.ANSWER_RESET)
        return answer

    async def _pass_on(self, request: web.BaseRequest) -> web.Response:
        url = URL(f"http://127.0.0.1:{self._target}{request.raw_path}", encoded=True)
        body = await request.read()
        async with self._session.request(request.method, url, headers=request.headers, data=body or None) as answer:
            headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            response = web.Response(status=answer.status, headers=headers, body=await answer.read())
        self._seen(request, body, response)
        return response


def _break_off(request: web.BaseRequest, answer: web.Response | None = None, *, reset: bool = False) -> None:
    """End a connection, perhaps after half of an answer."""
    transport = request.transport
    if transport is None:
        return
    if answer is not None:
        content = bytes(answer.body) if isinstance(answer.body, bytes | bytearray) else b""
        fields = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        head = f"HTTP/1.1 {answer.status} {answer.reason}\r\n{fields}Content-Length: {len(content)}\r\n\r\n".encode()
        # An answer without content breaks off within its head.
        transport.write(head + content[: len(content) // 2] if content else head[: len(head) // 2])
    if reset:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    if answer is not None and not reset:
        transport.close()
    else:
        transport.abort()
