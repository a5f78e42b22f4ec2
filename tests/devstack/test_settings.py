"""Where a stack listens, and what it says when it cannot."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.azurite import Ports
from devstack.certificate import Certificate
from devstack.failure import StackError
from devstack.settings import HOST, Backend, StackSettings, require_free
from devstack.stack import is_healthy


@pytest.fixture
def taken() -> Iterator[int]:
    """Yield a port on which somebody listens."""
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_the_defaults_are_those_of_the_functions_host_and_of_azurite() -> None:
    """So that `UseDevelopmentStorage=true` and every tutorial fit."""
    settings = StackSettings.read({})
    assert settings.api_url == "http://127.0.0.1:7071/api"
    assert settings.azurite == Ports(10000, 10001, 10002)
    assert settings.data_dir.name == ".data"


def test_an_empty_variable_is_as_good_as_none() -> None:
    """`make start PORT=` and `PORT= make start` mean the default."""
    assert StackSettings.read({"PORT": "", "DATA_DIR": ""}) == StackSettings.read({})


def test_a_backend_is_one_of_those_that_there_are() -> None:
    """The message names them."""
    assert StackSettings.read({"BACKEND": "azure-stub"}).backend is Backend.AZURE_STUB
    with pytest.raises(StackError, match="BACKEND must be one of local, azure-stub, azureml-stub, not 'azure'"):
        StackSettings.read({"BACKEND": "azure"})


def test_https_is_served_when_it_is_asked_for(tmp_path: Path) -> None:
    """`TLS=1` changes the address and names a certificate in the stack's own folder; only 1 and 0 are taken."""
    settings = StackSettings.read({"TLS": "1", "PORT": "7443", "DATA_DIR": str(tmp_path)})

    assert settings.api_url == "https://127.0.0.1:7443/api"
    assert settings.certificate == Certificate(tmp_path / "tls")
    assert is_healthy(settings) is False  # nobody has made the certificate yet
    assert StackSettings.read({"TLS": "0"}).certificate is None
    with pytest.raises(StackError, match="TLS must be 1 or 0, not 'yes'"):
        StackSettings.read({"TLS": "yes"})


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "7071 "])
def test_what_is_no_port_is_refused_by_name(text: str) -> None:
    """The message names the variable and what it holds."""
    with pytest.raises(StackError, match=rf"AZURITE_BLOB_PORT must be a port .*'{text}'"):
        StackSettings.read({"AZURITE_BLOB_PORT": text})


def test_every_taken_port_is_named_with_the_variable_that_moves_it(taken: int) -> None:
    """One message for all of them, before anything is started."""
    with socket.create_server((HOST, 0)) as server:
        other = server.getsockname()[1]
        with pytest.raises(StackError) as caught:
            require_free({"PORT": taken, "AZURITE_TABLE_PORT": other})
    first, second = str(caught.value).splitlines()
    assert f"Port {taken} is in use" in first
    assert "set PORT to" in first
    assert f"Port {other} is in use" in second
    assert "set AZURITE_TABLE_PORT to" in second


def test_a_port_is_free_again_as_soon_as_its_server_has_ended() -> None:
    """Connections that the operating system still remembers do not hold up a restart."""
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((HOST, port)), server.accept()[0] as accepted:
            accepted.shutdown(socket.SHUT_RDWR)
    require_free({"PORT": port})


def test_one_port_cannot_be_used_twice() -> None:
    """Two variables with the same port are told at once, not by whoever comes second."""
    with pytest.raises(StackError, match="PORT and AZURITE_QUEUE_PORT"):
        StackSettings.read({"PORT": "10001"})
