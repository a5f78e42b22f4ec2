"""What is the own client's alone: tokens, and answers that are none."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from registry_api import bearer as bearer_module
from registry_api.bearer import Bearer, NoTokenError
from registry_api.connections import Connections, NoAnswerError, written
from registry_api.service.ports import StorageUnavailable
from registry_api.storage import tables
from registry_api.storage.connection import Endpoint, SharedKey, address_of
from registry_api.storage.rows import Row
from registry_api.storage.tables import TableRows

SCOPE = "https://storage.azure.com/.default"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Tokens:
    """Gives numbered tokens that are valid for some seconds; counts, and fails when told to."""

    def __init__(self, seconds: int = 3600) -> None:
        self.given, self.asked, self.seconds, self.fails = 0, 0, seconds, False
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """Give a token."""
        assert scopes == (SCOPE,)
        self.asked += 1
        await self.may_answer.wait()
        if self.fails:
            raise ClientAuthenticationError("secret-detail")
        self.given += 1
        return AccessToken(f"token-{self.given}", int(time.time()) + self.seconds)

    async def close(self) -> None:
        """Do nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Do nothing."""


async def settled() -> None:
    """Return when whatever could go on has done so."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time that it is, which moves when it is changed."""
    now = [1_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


async def test_a_token_is_shown_until_it_is_about_to_expire(clock: list[float]) -> None:
    """Many requests at once ask for one token; it is asked for anew minutes before its end, and when it was refused."""
    tokens = Tokens()
    bearer = Bearer(tokens, SCOPE)
    assert set(await asyncio.gather(*(bearer.of() for _ in range(10)))) == {"Bearer token-1"}
    bearer.refused()
    assert await bearer.of() == "Bearer token-2"
    clock[0] += 3299
    assert await bearer.of() == "Bearer token-2"
    assert tokens.asked == 2
    clock[0] += 1
    assert await bearer.of() == "Bearer token-2"
    await settled()
    assert await bearer.of() == "Bearer token-3"
    assert tokens.asked == 3


async def test_nobody_waits_for_a_token_who_has_one(clock: list[float]) -> None:
    """An identity that does not answer holds up only who has no valid token; its answer serves those who still wait."""
    tokens = Tokens(seconds=200)
    bearer = Bearer(tokens, SCOPE)
    await bearer.of()
    tokens.may_answer.clear()
    clock[0] += 30
    for _ in range(3):
        async with asyncio.timeout(1):
            assert await bearer.of() == "Bearer token-1"
    clock[0] += 170
    impatient, patient = (asyncio.ensure_future(bearer.of()) for _ in range(2))
    await settled()
    impatient.cancel()
    await settled()
    assert not patient.done()
    tokens.may_answer.set()

    assert await patient == "Bearer token-2"
    assert tokens.asked == 2


async def test_a_question_for_a_token_that_is_not_answered_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever comes later asks anew, and does not wait for it for ever; the log says once that there was none."""
    monkeypatch.setattr(bearer_module, "_RENEW_WITHIN", 0.01)
    tokens = Tokens()
    bearer = Bearer(tokens, SCOPE)
    tokens.may_answer.clear()
    for asked in (1, 2):
        for outcome in await asyncio.gather(*(bearer.of() for _ in range(3)), return_exceptions=True):
            assert isinstance(outcome, NoTokenError)
        assert (tokens.asked, caplog.text.count("is not renewed")) == (asked, asked)
    tokens.may_answer.set()
    assert await bearer.of() == "Bearer token-1"


async def test_a_token_that_cannot_be_renewed_is_shown_to_its_end(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """While the identity does not answer, it is asked every half a minute, and whoever has a token goes on with it."""
    tokens = Tokens(seconds=200)
    bearer = Bearer(tokens, SCOPE)
    assert [await bearer.of() for _ in range(2)] == ["Bearer token-1"] * 2
    tokens.fails = True
    for asked in (1, 2):
        clock[0] += 30
        assert [await bearer.of() for _ in range(2)] == ["Bearer token-1"] * 2
        await settled()
        assert tokens.asked == 1 + asked
        assert caplog.text.count("is not renewed") == asked
    clock[0] += 139
    assert await bearer.of() == "Bearer token-1"
    clock[0] += 1  # its end, although it was asked for a second ago
    with pytest.raises(NoTokenError):
        await bearer.of()
    tokens.fails = False
    assert await bearer.of() == "Bearer token-2"


async def test_an_identity_without_a_token_is_storage_that_is_away() -> None:
    """Its own words are not repeated: they may tell more than callers may know."""
    tokens = Tokens()
    tokens.fails = True
    rows = TableRows(Endpoint("https://127.0.0.1:1/account", tokens), "registries")
    with pytest.raises(StorageUnavailable) as caught:
        await rows.get("partition", "key")
    assert "secret-detail" not in str(caught.value)


def test_a_token_is_never_sent_in_the_clear() -> None:
    """Without TLS there is no client at all."""
    with pytest.raises(ValueError, match="https"):
        address_of(Endpoint("http://127.0.0.1/account", Tokens()), "table")


def test_where_an_account_is_follows_from_its_connection_string() -> None:
    """On Azure the address is made of the account's name, and is https unless it says otherwise."""
    address, authorization = address_of("AccountName=a;AccountKey=c2VjcmV0;EndpointSuffix=core.example", "queue")
    assert address.geturl() == "https://a.queue.core.example"
    assert isinstance(authorization, SharedKey)


@pytest.mark.parametrize(
    ("target", "header"),
    [
        ("/a b", "x"),
        ("/a\r\nX: y", "x"),
        ("/é", "x"),
        ("a", "x"),
        ("/a", "x\r\nX: y"),
        ("/a", "x\ny"),
        ("/a", "x\ry"),
    ],
)
def test_a_request_is_one(target: str, header: str) -> None:
    """Whatever comes to be a part of it, from a caller or from Azure, adds no header and no second request."""
    assert written("GET", "/a?b=c", {"Host": "x", "A": "b"}) == b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n"
    with pytest.raises(ValueError, match="more than one request"):
        written("GET", target, {"Host": header})


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[tuple[Connections, Callable[[], int]]]:
    """Yield connections to a server that gives these answers, one per request, and how many it was asked for."""
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        try:
            while asked < len(answers):
                await reader.readuntil(b"\r\n\r\n")
                asked += 1
                writer.write(answers[asked - 1])
                if not answers[asked - 1].startswith(b"HTTP/1.1 200 OK"):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connections = Connections(urlsplit(f"http://127.0.0.1:{port}"))
    async with server:
        yield connections, lambda: asked
        await connections.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 200\r\nContent-Length: 99999999999\r\n\r\nok",
        b"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nok",
        b"HTTP/1.1 200\r\n\r\nok",
        b"HTTP/1.1 200\r\nTransfer-Encoding: gzip\r\n\r\nok",
        b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n",
        b"HTTP/1.1 200\r\n folded: x\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200\r\nX: " + b"x" * 70_000,
    ],
)
async def test_what_is_no_answer_is_not_taken_for_one(answer: bytes) -> None:
    """Whatever is not as HTTP/1.1 says, and as storage speaks it, ends the connection."""
    async with answering(answer) as (connections, _):
        with pytest.raises(NoAnswerError):
            await connections.exchange(REQUEST, 1.0)
        assert not connections._idle


async def test_a_chunked_answer_is_put_together() -> None:
    """Chunks may be of any size, and the connection goes on."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\no\r\nA\r\nk123456789\r\n0\r\n\r\n"
    async with answering(chunked, GOOD) as (connections, asked):
        assert (await connections.exchange(REQUEST, 1.0)).body == b"ok123456789"
        assert (await connections.exchange(REQUEST, 1.0)).body == b"ok"
        assert asked() == 2


async def test_what_comes_unasked_is_nobodys_answer() -> None:
    """Bytes behind an answer end the connection: they would be taken for the answer to the next request."""
    async with answering(GOOD + GOOD.replace(b"ok", b"no"), GOOD) as (connections, _):
        assert (await connections.exchange(REQUEST, 1.0)).body == b"ok"
        assert (await connections.exchange(REQUEST, 1.0)).body == b"ok"


async def test_idle_connections_that_something_comes_on_are_closed() -> None:
    """At once, whatever comes and however much of it."""
    async with answering(*[GOOD] * 5) as (connections, _):
        await asyncio.gather(*(connections.exchange(REQUEST, 1.0) for _ in range(3)))
        idle = [*connections._idle]
        for connection in idle[1:]:
            connection.get_buffer(-1)[:1] = b"x"
            connection.buffer_updated(1)
        await asyncio.gather(*(connection._closed for connection in idle[1:]))
        await connections.exchange(REQUEST, 1.0)

        assert [*connections._idle] == idle[:1]


@pytest.mark.parametrize(
    ("head", "goes_on"),
    [
        (b"200 OK\r\nContent-Length: 0\r\nConnection: close", False),
        (b"200 OK\r\nContent-Length: 0\r\nConnection: x, Close", False),
        (b"200 OK\r\nContent-Length: 0\r\nConnection: keep-alive", True),
        (b"204 No Content", True),
        (b"204 No Content\r\nContent-Length: 0", True),
        (b"204 No Content\r\nContent-Length: 2", False),
        (b"304 Not Modified\r\nTransfer-Encoding: chunked", False),
    ],
    ids=str,
)
async def test_a_connection_is_used_again_unless_something_may_follow(head: bytes, *, goes_on: bool) -> None:
    """The server may say that it closes, or tell of a body where there is none: its bytes would be the next answer."""
    async with answering(b"HTTP/1.1 " + head + b"\r\n\r\n") as (connections, _):
        assert (await connections.exchange(REQUEST, 1.0)).body == b""
        assert bool(connections._idle) == goes_on


STRANGE = [
    b"<html>",
    b"",
    b"[]",
    b"null",
    b"[" * 100_000,
    b"{}",
    b'{"value":[{}]}',
    b'{"PartitionKey":"p","RowKey":"x"}',
]


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
@pytest.mark.parametrize("body", STRANGE, ids=lambda body: str(body[:9]))
async def test_what_is_no_answer_of_storage_tells_nothing(status: str, body: bytes) -> None:
    """Neither that a row is not there, nor that it is another one: a wrong address leads to all kinds of servers."""
    answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nETag: x\r\n\r\n".encode() + body
    async with answering(*[answer] * 9) as (connections, _):
        account = f"AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=http://{connections._host}:{connections._port}/a"
        rows = TableRows(account, "registries")
        for call in (lambda: rows.get("p", "k"), lambda: rows.scan("a", "b", "k", 1, None)):
            with pytest.raises(StorageUnavailable):
                await call()
            assert not rows._service._connections._idle or status != "200 OK"


async def test_a_chunk_that_is_too_long_is_not_waited_for() -> None:
    """An answer has its limit before it is there."""
    async with answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\nx") as (connections, _):
        with pytest.raises(NoAnswerError, match="too long"):
            await connections.exchange(REQUEST, 1.0)


async def test_answers_at_once_do_not_mix() -> None:
    """What comes on one connection, in pieces and beyond what is taken from the network at once, is of no other."""
    bodies = [bytes([65 + number]) * (number * 100_000 + 1) for number in range(6)]
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body for body in bodies]
    async with answering(*answers) as (connections, _):
        found = await asyncio.gather(*(connections.exchange(REQUEST, 1.0) for _ in bodies))

    assert sorted(answer.body for answer in found) == sorted(bodies)


async def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    """Storage drops idle connections; who asks next gets a new one, also for what is sent only once."""
    first = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"  # after which the server closes
    async with answering(first, GOOD) as (connections, _):
        await connections.exchange(REQUEST, 1.0)
        await connections._idle[0]._closed
        assert (await connections.exchange(REQUEST, 1.0)).body == b"ok"


async def test_a_canceled_request_takes_its_connection_along() -> None:
    """Its answer would be the next one's."""
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", GOOD) as (connections, _):
        with pytest.raises(TimeoutError):
            await within(0.05, connections.exchange(REQUEST, 1.0))
        assert (await connections.exchange(REQUEST, 1.0)).body == b"ok"


async def within(seconds: float, call: Awaitable[object]) -> object:
    """Return what a call returns, or cancel it."""
    async with asyncio.timeout(seconds):
        return await call


@pytest.mark.parametrize("columns", [{"data": 5}, {"utf8": "no base64"}, {"utf8": "//8="}, {"utf8": 5}, {}], ids=str)
def test_columns_that_are_no_text_are_an_empty_row(columns: dict[str, Any]) -> None:
    """A page with such a row can be read: whoever reads the row itself notices."""
    assert tables._row({"PartitionKey": "p", "RowKey": "k", **columns}, "v") == Row("p", "k", "", "v")
