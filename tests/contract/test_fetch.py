"""What is asked for once, of the identity endpoint and of authorities: bounded in time and size, and of one server."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devstack.certificate import Certificate
from registry_api.connections import Answer, NoAnswerError, fetch

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Yield the address of a server that does this with each connection."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def got(address: str, within: float = 5.0) -> Answer:
    """Ask for what is at an address."""
    return await fetch(address, {"X-Header": "value"}, within=within, most_bytes=100)


async def test_one_request_is_sent_and_its_answer_returned() -> None:
    """It says what it takes: nothing that is packed; the connection is closed after it."""
    heard: list[bytes] = []
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 2\r\n\r\nok")
        assert await reader.read() == b""
        closed.set()
        writer.close()

    async with serving(serve) as address:
        answer = await got(f"{address}/a/b?c=d#e")
        await closed.wait()

    assert (answer.status, answer.body) == (302, b"ok")
    host = address.removeprefix("http://").encode()
    assert heard == [
        b"GET /a/b?c=d HTTP/1.1\r\nHost: " + host + b"\r\nAccept-Encoding: identity\r\nX-Header: value\r\n\r\n"
    ]


async def test_headers_are_read_in_one_go() -> None:
    """However many blanks are in them, which a pattern would try one after the other; the end of a line is none."""
    answers = [
        b"HTTP/1.1 200 OK\r\nA: x" + b" " * 60_000 + b"y \t\r\nContent-Length:2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nA:" + b" " * 60_000 + b"\n\r\nContent-Length: 2\r\n\r\nok",
    ]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop(0))
        await writer.drain()
        writer.close()

    async with serving(serve) as address:
        assert (await got(address)).headers == {"a": f"x{' ' * 60_000}y", "content-length": "2"}
        with pytest.raises(NoAnswerError, match="header"):
            await got(address)


async def test_an_answer_in_many_parts_lets_others_have_their_turn() -> None:
    """Parts that are there already are taken without waiting, and yet not all of them at once."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n")
        await writer.drain()
        writer.close()

    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with serving(serve) as address:
        other = asyncio.ensure_future(others())
        answer = await fetch(address, {}, within=5, most_bytes=1000)
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)
    assert answer.body == b"x" * 1000
    assert turns > 10


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return what a server needs whose certificate is trusted here."""
    certificate = Certificate(tmp_path)
    certificate.make_unless_valid()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key)
    return context


@pytest.mark.parametrize("is_secure", [False, True])
@pytest.mark.parametrize(("chunks", "size"), [(1000, 1), (1000, 1024), (300, 4096), (65, 100_000)])
async def test_what_comes_while_others_have_their_turn_is_a_part_of_the_answer(
    tls: ssl.SSLContext, chunks: int, size: int, *, is_secure: bool
) -> None:
    """However many parts there are, and however long it takes until the last one is there."""
    parts = [b"%x\r\n%s\r\n" % (size, bytes([97 + number % 26]) * size) for number in range(chunks)]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with serving(serve, tls if is_secure else None) as address:
        for _ in range(5):
            answer = await fetch(address, {}, within=20, most_bytes=chunks * size)
            assert answer.body == b"".join(part.partition(b"\r\n")[2][:-2] for part in parts)


async def test_all_of_it_has_to_be_there_in_time() -> None:
    """A server that sends a byte now and then holds nobody for longer."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        gone = asyncio.ensure_future(reader.read())
        while not gone.done():
            writer.write(b"x")
            await asyncio.wait({gone}, timeout=0.01)
        await asyncio.gather(gone, return_exceptions=True)
        writer.close()
        ended.set()

    async with serving(serve) as address:
        with pytest.raises(NoAnswerError, match="within"):
            await got(address, within=0.2)
        await ended.wait()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
    ],
)
async def test_what_is_too_long_or_without_a_length_is_no_answer(answer: bytes) -> None:
    """However it says how long it is."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with serving(serve) as address:
        with pytest.raises(NoAnswerError):
            await got(address)


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/", "127.0.0.1", "", "http:///x", "http://127.0.0.1:x/"])
async def test_what_is_no_address_is_asked_for_nowhere(address: str) -> None:
    """Only http and https are spoken."""
    with pytest.raises(ValueError, match=r"address|[Pp]ort"):
        await got(address)
