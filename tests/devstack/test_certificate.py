"""The certificate that a stack makes for itself."""

import socket
import ssl
import stat
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from devstack import certificate as module
from devstack.certificate import Certificate


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    """Return a certificate that was made just now."""
    made = Certificate(tmp_path / "tls")
    made.make_unless_valid()
    return made


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_who_trusts_it_trusts_this_machine(name: str, certificate: Certificate) -> None:
    """A client that trusts the file, and checks names, talks to a server that has it."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate.file, certificate.key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with served.wrap_socket(server.accept()[0], server_side=True) as accepted:
                accepted.sendall(b"hello")

        thread = threading.Thread(target=answer)
        thread.start()
        with (
            socket.create_connection(server.getsockname()) as raw,
            certificate.trust().wrap_socket(raw, server_hostname=name) as client,
        ):
            assert client.recv(5) == b"hello"
        thread.join()


def test_the_key_is_its_owners(certificate: Certificate) -> None:
    """Nobody else on the machine may read the private key."""
    assert stat.S_IMODE(certificate.key.stat().st_mode) == 0o600


def test_it_is_kept_for_as_long_as_it_is_good(certificate: Certificate) -> None:
    """What clients trust once they trust at the next start."""
    before = certificate.file.read_bytes()
    certificate.make_unless_valid()

    assert certificate.file.read_bytes() == before


def test_what_is_not_good_any_more_is_made_anew(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate about to expire, one without its key, and one that is no certificate are replaced."""
    spoilers: list[Callable[[], object]] = [
        lambda: monkeypatch.setattr(module, "_AT_LEAST", timedelta(days=400)),
        certificate.key.unlink,
        lambda: certificate.file.write_text("no certificate"),
    ]
    for spoil in spoilers:
        before = certificate.file.read_bytes()
        spoil()
        certificate.make_unless_valid()
        monkeypatch.undo()

        assert certificate.file.read_bytes() not in {before, b"no certificate"}
        certificate.trust()
