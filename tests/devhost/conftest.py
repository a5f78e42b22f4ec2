"""What the tests of the development host share: storage, and hosts in processes of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack.azurite import Azurite
from tests.devhost.running import HostProcess

CONFORMANCE_APP = Path(__file__).parent / "conformance"

StartHost = Callable[..., HostProcess]


@pytest.fixture(scope="session")
def storage(azurite: Azurite) -> str:
    """Return the connection string of a real Azurite."""
    return azurite.connection_string()


@pytest.fixture
def start_host() -> Iterator[StartHost]:
    """Yield a function that starts hosts, and end them all afterwards."""
    hosts: list[HostProcess] = []

    def start(app_dir: Path, *arguments: str, **environment: str) -> HostProcess:
        hosts.append(HostProcess(app_dir, *arguments, **environment))
        return hosts[-1]

    yield start
    for host in hosts:
        host.kill()


@pytest.fixture(scope="session")
def conformance_host() -> Iterator[HostProcess]:
    """Yield a host that runs the app of the conformance table."""
    host = HostProcess(
        CONFORMANCE_APP,
        PYTHON_SCRIPT_FILE_NAME="conformance_app.py",
        FUNCTIONS_REQUEST_BODY_SIZE_LIMIT="1000",
    )
    yield host
    host.kill()
