"""The demo, when what it shows does not work."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from devstack.demo import run_demo
from devstack.interruption import Interruption
from devstack.settings import HOST, StackSettings


class Useless(BaseHTTPRequestHandler):
    """Answers 200 and an empty object, whatever it is asked."""

    def answer(self) -> None:
        """Answer a request."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_PUT = do_DELETE = answer  # noqa: N815 - names that the standard library asks for

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def useless_api() -> Iterator[StackSettings]:
    """Yield the settings of an API that is there but does nothing."""
    with ThreadingHTTPServer((HOST, 0), Useless) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield StackSettings.read({"PORT": str(server.server_port)})
        server.shutdown()
        serving.join()


def test_what_is_not_as_expected_is_printed_and_fails_the_demo(
    useless_api: StackSettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says what was expected and what it is instead; nothing is built on it."""
    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "")  # no colours, also on a terminal
    assert run_demo(useless_api, Interruption()) == 1
    output = capsys.readouterr().out
    assert "FAILED PUT of a new registry: expected 201, but it is 200" in output
    assert "0 checks passed, 1 failed." in output
