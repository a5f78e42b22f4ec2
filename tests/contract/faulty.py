"""A proxy that breaks connections, for behaviour that a healthy Azurite does not show."""

import asyncio
from collections import deque
from contextlib import AsyncExitStack
from enum import Enum, auto
from http import HTTPStatus
from typing import Self

import aiohttp
from aiohttp import web
from yarl import URL

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Fault(Enum):
    """What goes wrong with one request."""

    ANSWER_LOST = auto()  # it is carried out, then the connection breaks
    SERVER_BUSY = auto()  # 503, and it is not carried out
    SERVER_FAILS = auto()  # 500, and it is not carried out
    SILENCE = auto()  # nothing happens any more


class FaultyProxy:
    """Passes requests on to a port of this machine, but for the next ones in `faults`.

    Args:
        target: The port.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._port = 0
        self._open = AsyncExitStack()
        self.faults: deque[Fault] = deque()
        self.methods: list[str] = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def before(self, connection_string: str) -> str:
        """Return a connection string by which the proxy is reached instead of its target."""
        return connection_string.replace(f":{self._target}/", f":{self._port}/")

    async def start(self) -> None:
        """Listen, on the same port as before."""
        # Requests are signed with all of their headers.
        session = aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=["Content-Type"])
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
        fault = self.faults.popleft() if self.faults else None
        match fault:
            case Fault.SILENCE:
                await asyncio.Event().wait()
            case Fault.SERVER_BUSY:
                return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
            case Fault.SERVER_FAILS:
                return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)
        answer = await self._pass_on(request)
        if fault is Fault.ANSWER_LOST and request.transport is not None:
            request.transport.abort()
        return answer

    async def _pass_on(self, request: web.BaseRequest) -> web.Response:
        url = URL(f"http://127.0.0.1:{self._target}{request.raw_path}", encoded=True)
        body = await request.read() or None
        async with self._session.request(request.method, url, headers=request.headers, data=body) as answer:
            headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            return web.Response(status=answer.status, headers=headers, body=await answer.read())
