"""The app's own identity, held to what Azure's SDK does at the same endpoint."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import ManagedIdentityCredential

from registry_api import managed_identity
from registry_api.managed_identity import ManagedIdentity

SCOPE = "https://storage.azure.com/.default"
SECRET = "853b9a84-5bfa-4b22-a3f3-0b9a43d9ad8a"  # noqa: S105 - of this test alone
CLIENT = "5e29463d-71da-4fe0-8e69-999b57db23b0"
EXPIRES = 4_102_444_800
GOOD = {"access_token": "a.token", "expires_on": str(EXPIRES), "resource": "…", "token_type": "Bearer"}


@dataclass
class Platform:
    """The endpoint that the platform gives to an app: what it was asked, and what it is to answer."""

    answers: list[tuple[int, Any]] = field(default_factory=list)  # the last one again and again
    asked: list[tuple[dict[str, list[str]], str | None]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def platform() -> Iterator[Platform]:
    """Yield the endpoint."""
    platform = Platform([(200, GOOD)])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            platform.asked.append((parse_qs(urlsplit(self.path).query), self.headers["X-IDENTITY-HEADER"]))
            status, told = platform.answers[0] if len(platform.answers) == 1 else platform.answers.pop(0)
            body = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the method's own
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    platform.url = f"http://127.0.0.1:{server.server_address[1]}/msi/token"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield platform
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between attempts."""
    monkeypatch.setattr(managed_identity, "_PAUSE", 0.0)


def credential_of(kind: str, platform: Platform, monkeypatch: pytest.MonkeyPatch, client: str = "") -> Any:
    """Return our credential, or the SDK's."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", platform.url)
    monkeypatch.setenv("IDENTITY_HEADER", SECRET)
    if kind == "sdk":
        return ManagedIdentityCredential(client_id=client or None)
    return ManagedIdentity(platform.url, SECRET, client)


@pytest.mark.parametrize("kind", ["own", "sdk"])
@pytest.mark.parametrize("client", ["", CLIENT])
async def test_a_token_is_asked_for_as_the_platform_wants_it(
    platform: Platform, kind: str, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the service, the version and perhaps the identity, and with the secret that the platform gave to the app."""
    credential: AsyncTokenCredential
    async with credential_of(kind, platform, monkeypatch, client) as credential:
        token = await credential.get_token(SCOPE)

    assert (token.token, token.expires_on) == ("a.token", EXPIRES)
    ((query, secret),) = platform.asked
    assert query == {
        "resource": ["https://storage.azure.com"],
        "api-version": ["2019-08-01"],
        **({"client_id": [client]} if client else {}),
    }
    assert secret == SECRET


@pytest.mark.parametrize("kind", ["own", "sdk"])
@pytest.mark.parametrize(
    "wrong",
    [
        (400, {"statusCode": 400, "message": "No managed identity was found for client id."}),
        (401, {}),
        (200, b"<html>"),
        (200, {"access_token": "a.token"}),
    ],
)
async def test_an_identity_without_a_token_is_told_as_the_sdk_tells_it(
    platform: Platform, kind: str, wrong: tuple[int, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever uses a credential of the SDK meets the same error; what is refused is not asked for again."""
    platform.answers = [wrong]
    async with credential_of(kind, platform, monkeypatch) as credential:
        with pytest.raises(ClientAuthenticationError):
            await credential.get_token(SCOPE)
    assert len(platform.asked) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {**GOOD, "access_token": ""},
        {**GOOD, "access_token": "a\r\nX-Injected: header"},
        {**GOOD, "access_token": None},
        {**GOOD, "expires_on": "tomorrow"},
        {**GOOD, "expires_on": "9" * 4000},
        {**GOOD, "expires_on": -1},
        b'{"access_token": "a.token", "expires_on": Infinity}',
        b"[" * 100_000,
    ],
    ids=lambda wrong: str(wrong)[:60],
)
async def test_what_is_no_token_is_shown_to_nobody(platform: Platform, wrong: Any) -> None:
    """Neither as a token nor in the error, which may come to be logged."""
    platform.answers = [(200, wrong)]
    with pytest.raises(ClientAuthenticationError) as refused:
        await ManagedIdentity(platform.url, SECRET).get_token(SCOPE)
    assert "a.token" not in str(refused.value)
    assert "Injected" not in str(refused.value)


async def test_an_endpoint_that_is_busy_is_asked_again(platform: Platform) -> None:
    """Some seconds of a start, or of a throttled endpoint, are no failure; but it is not asked for ever."""
    platform.answers = [(503, {}), (429, {}), (200, GOOD)]
    assert await ManagedIdentity(platform.url, SECRET).get_token(SCOPE) == ("a.token", EXPIRES)
    assert len(platform.asked) == 3

    platform.answers, platform.asked = [(500, {})], []
    with pytest.raises(ClientAuthenticationError, match="500"):
        await ManagedIdentity(platform.url, SECRET).get_token(SCOPE)
    assert len(platform.asked) == 5


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/msi/token", "http://127.0.0.1:x/", "nowhere"])
async def test_an_endpoint_that_is_not_there_gives_no_token(address: str) -> None:
    """Nor does one that nobody listens at, or can; the secret is in no message."""
    with pytest.raises(ClientAuthenticationError, match="gives no token") as refused:
        await ManagedIdentity(address, SECRET).get_token(SCOPE)
    assert SECRET not in str(refused.value)


async def test_a_success_that_is_none_is_not_logged(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    """It may have a token in it; what an error says is logged, for whoever has to find out."""
    platform.answers = [(201, GOOD)]
    with pytest.raises(ClientAuthenticationError):
        await ManagedIdentity(platform.url, SECRET).get_token(SCOPE)
    assert "a.token" not in caplog.text
    platform.answers = [(400, {"message": f"No managed identity was found. {SECRET}"})]
    with pytest.raises(ClientAuthenticationError):
        await ManagedIdentity(platform.url, SECRET).get_token(SCOPE)
    assert "No managed identity was found." in caplog.text
    assert SECRET not in caplog.text
