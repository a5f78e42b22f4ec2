"""Connections to servers, which speak as much of HTTP/1.1 as those of Azure do.

Whatever is not just as expected breaks the connection off: what comes next could be taken for another request's answer.
Nothing is repeated, no redirection followed, no cookie kept, no proxy asked and no answer unpacked here.
"""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Mapping
from functools import cached_property, partial
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

_CONNECT_WITHIN = 2.0
_NEXT_ADDRESS_AFTER = 0.25  # seconds for which one of several addresses of a server is tried alone (RFC 8305)
_AT_ONCE = 100
# Azurite drops a connection after five idle seconds. A request that crosses with that is lost, and not every
# request may be sent again.
_IDLE_AT_MOST = 4.0
_LONGEST_HEAD = 64 * 1024
_LONGEST_BODY = 64 * 1024 * 1024
_HEAD_END = b"\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: [^\r\n]*)?")
_FIELD_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ARRIVING = 256 * 1024  # bytes that are taken from the network at once
_LENGTH = re.compile("[0-9]{1,19}")
_CHUNKS_AT_ONCE = 64
_TARGET = re.compile(r"/[\x21-\x7e]*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;[^\r\n]*)?")


_WITHOUT_BODY = {204, 304}


class Answer(NamedTuple):
    """What came back. The names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswerError(Exception):
    """No connection was made, or it broke, or what came was no answer. What was sent may have been carried out."""


def written(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a request as it is sent.

    Args:
        method: The method.
        target: The path and the query, encoded.
        headers: All headers, `Host` and the length of the body among them.
        body: The body.

    Raises:
        ValueError: If the target or a header is not on one line.
    """
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if not _TARGET.fullmatch(target) or not head.count("\r") == head.count("\n") == len(headers):
        raise ValueError("What is asked for would be more than one request.")
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body


def host_of(address: SplitResult) -> str:
    """Return what the header `Host` says of an address."""
    return address.netloc.rpartition("@")[2]


async def fetch(address: str, headers: Mapping[str, str], *, within: float, most_bytes: int) -> Answer:
    """Ask once for what is at an address, on a connection of its own: for what is seldom asked for.

    Args:
        address: The address, encoded.
        headers: Headers beside `Host`.
        within: Seconds in which all of the answer has to be there.
        most_bytes: How long the answer may be.

    Raises:
        NoAnswerError: If there was none.
        ValueError: If the address is none of http or https.
    """
    parts = urlsplit(address)
    connections = Connections(parts, most_bytes=most_bytes, connect_within=within)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    try:
        async with asyncio.timeout(within):
            given = {"Host": host_of(parts), "Accept-Encoding": "identity", **headers}
            return await connections.exchange(written("GET", target, given), within)
    except TimeoutError as error:
        raise NoAnswerError(f"no answer within {within} seconds") from error
    finally:
        await connections.close()


class Connections:
    """The connections to one server; each is used for one request at a time.

    Args:
        address: Where it is.
        most_bytes: How long an answer may be.
        connect_within: Seconds for a new connection.

    Raises:
        ValueError: If the address is none of http or https.
    """

    def __init__(
        self, address: SplitResult, *, most_bytes: int = _LONGEST_BODY, connect_within: float = _CONNECT_WITHIN
    ) -> None:
        if address.scheme not in {"http", "https"} or address.hostname is None:
            raise ValueError("A server is reached by an http or https address.")
        self._most_bytes, self._connect_within = most_bytes, connect_within
        self._host, self._is_secure = address.hostname, address.scheme == "https"
        self._port = address.port or (443 if self._is_secure else 80)
        self._arriving = memoryview(bytearray(_ARRIVING))  # shared, as nothing is kept in it
        self._idle: deque[_Connection] = deque()
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def exchange(self, request: bytes, read_within: float) -> Answer:
        """Send a request, once, and return the answer.

        Args:
            request: All of its bytes.
            read_within: Seconds in which something more of the answer has to come.

        Raises:
            NoAnswerError: If there was none.
        """
        async with self._free:
            connection = self._take() or await self._connect()
            try:
                answer = await connection.exchange(request, read_within)
            except BaseException:
                connection.abort()
                raise
        if connection.is_reusable:
            self._idle.append(connection)
        else:
            connection.abort()
        return answer

    async def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            await self._idle.pop().close()

    def _take(self) -> "_Connection | None":
        """Return the connection that was used last, and end those that were idle for too long."""
        oldest_allowed = asyncio.get_running_loop().time() - _IDLE_AT_MOST
        while self._idle and (self._idle[0].idle_since < oldest_allowed or not self._idle[0].is_reusable):
            self._idle.popleft().abort()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_reusable:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> "_Connection":
        try:
            async with asyncio.timeout(self._connect_within):
                _, connection = await asyncio.get_running_loop().create_connection(
                    partial(_Connection, self._arriving, self._most_bytes),
                    self._host,
                    self._port,
                    ssl=self._tls,
                    happy_eyeballs_delay=_NEXT_ADDRESS_AFTER,
                )
        except TimeoutError as error:
            raise NoAnswerError(f"no connection within {self._connect_within} seconds") from error
        except (OSError, UnicodeError) as error:  # the latter of a name that can be none
            raise NoAnswerError("no connection") from error
        return connection

    @cached_property
    def _tls(self) -> ssl.SSLContext | None:
        """Return what verifies the server's certificate and name."""
        return ssl.create_default_context() if self._is_secure else None


class _Connection(asyncio.BufferedProtocol):
    """One connection.

    Args:
        arriving: Where what comes is put, and taken from before the event loop does anything else.
        most_bytes: How long an answer may be.
    """

    def __init__(self, arriving: memoryview, most_bytes: int) -> None:
        self._arriving, self._most_bytes = arriving, most_bytes
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._closed = asyncio.get_running_loop().create_future()
        self._goes_on = True
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP and TLS have no other
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to put what comes."""
        del sizehint
        return self._arriving

    def buffer_updated(self, nbytes: int) -> None:
        """Keep what came for who waits; if nobody does, nobody asked for it."""
        if self._waiter is None:
            self.abort()
        else:
            self._received += self._arriving[:nbytes]
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        del exc
        self._transport = None
        self._wake()
        if not self._closed.done():
            self._closed.set_result(None)

    @property
    def is_reusable(self) -> bool:
        """Tell whether the next answer could be taken from it: it is open, and nothing came that nobody asked for."""
        is_open = self._transport is not None and not self._transport.is_closing()
        return is_open and self._goes_on and not self._received

    def abort(self) -> None:
        """End it at once."""
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """End it, and return when it has ended."""
        self.abort()
        await self._closed

    async def exchange(self, request: bytes, read_within: float) -> Answer:
        """Send a request and return the answer."""
        if self._transport is None:
            raise NoAnswerError("the connection is closed")
        self._transport.write(request)
        head = await self._until(_HEAD_END, read_within)
        first, *lines = head.split(b"\r\n")
        status = _STATUS.fullmatch(first)
        if status is None:
            raise NoAnswerError("the answer has no status")
        headers: dict[str, str] = {}
        for line in lines:
            field, colon, value = line.partition(b":")
            if not colon or not _FIELD_NAME.fullmatch(field) or b"\r" in value or b"\n" in value:
                raise NoAnswerError("the answer has a header that is none")
            name = field.decode().lower()
            if name in headers and name in {"content-length", "transfer-encoding"}:
                raise NoAnswerError("the answer has two lengths")
            headers[name] = value.strip(b" \t").decode("latin-1")
        answer = Answer(int(status[1]), headers, await self._body(int(status[1]), headers, read_within))
        is_closed = "close" in re.split(r"[\s,]+", headers.get("connection", "").lower())
        self._goes_on = not is_closed and not (answer.status in _WITHOUT_BODY and _tells_of_a_body(headers))
        self.idle_since = asyncio.get_running_loop().time()
        return answer

    async def _body(self, status: int, headers: Mapping[str, str], read_within: float) -> bytes:
        length, coding = headers.get("content-length"), headers.get("transfer-encoding")
        if status in _WITHOUT_BODY:
            return b""
        if coding is None and length is not None and _LENGTH.fullmatch(length) and int(length) <= self._most_bytes:
            return await self._take(int(length), read_within)
        if coding is None or coding.lower() != "chunked" or length is not None:
            raise NoAnswerError("the answer's length is not told, or is too long")
        body, chunks = bytearray(), 0
        while size := await self._chunk(read_within):
            chunks += 1
            if chunks % _CHUNKS_AT_ONCE == 0:
                await self._let_others()
            if len(body) + size > self._most_bytes:
                raise NoAnswerError("the answer is too long")
            body += await self._take(size, read_within)
            if await self._take(2, read_within) != b"\r\n":
                raise NoAnswerError("a chunk is not as long as it says")
        if await self._until(b"\r\n", read_within):
            raise NoAnswerError("the answer has trailers")
        return bytes(body)

    async def _let_others(self) -> None:
        """Give others their turn, as what has come is taken without waiting; what comes meanwhile has to wait."""
        if self._transport is not None:
            self._transport.pause_reading()
        await asyncio.sleep(0)
        if self._transport is not None:
            self._transport.resume_reading()

    async def _chunk(self, read_within: float) -> int:
        size = _CHUNK.fullmatch(await self._until(b"\r\n", read_within))
        if size is None:
            raise NoAnswerError("a chunk does not say how long it is")
        return int(size[1], 16)

    async def _until(self, end: bytes, read_within: float) -> bytes:
        """Return what comes before an end, and take that away as well."""
        while (at := self._received.find(end)) < 0:
            if len(self._received) > _LONGEST_HEAD:
                raise NoAnswerError("the answer's head is too long")
            await self._more(read_within)
        found = bytes(self._received[:at])
        del self._received[: at + len(end)]
        return found

    async def _take(self, length: int, read_within: float) -> bytes:
        while len(self._received) < length:
            await self._more(read_within)
        with memoryview(self._received) as received:
            found = bytes(received[:length])
        del self._received[:length]
        return found

    async def _more(self, read_within: float) -> None:
        """Return when more has come."""
        if self._transport is None:
            raise NoAnswerError("the connection broke")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(read_within):
                await self._waiter
        except TimeoutError as error:
            raise NoAnswerError(f"nothing came within {read_within} seconds") from error
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _tells_of_a_body(headers: Mapping[str, str]) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
