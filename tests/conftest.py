"""What tests of several rooms share."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from devstack.azurite import Azurite, start
from registry_api import telemetry
from tests import senders
from tests.live import RunningApp
from tests.recorded import Recorded

_MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - only the parent of a folder with a name of its own

# What takes longest or mostly waits begins first, so that no process is left alone with it in the end.
_FIRST = {"test_crash_points.py", "test_chaos.py", "test_faults.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files come first."""
    items.sort(key=lambda item: item.path.name not in _FIRST)


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """Yield a real Azurite on free ports; its data are gone afterwards."""
    with _azurite() as emulator:
        yield emulator


@pytest.fixture
def own_azurite() -> Iterator[Azurite]:
    """Yield storage that no other app works on: its worker would take visits that are meant for ours."""
    with _azurite() as emulator:
        yield emulator


@contextmanager
def _azurite() -> Iterator[Azurite]:
    parent = _MEMORY_DISK if _MEMORY_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="azurite-", dir=parent) as folder, start(Path(folder)) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def running_app(azurite: Azurite) -> Iterator[RunningApp]:
    """Yield the app, running on real storage."""
    with RunningApp.start(azurite, **senders.settings()) as app:
        yield app


@pytest.fixture
def client(running_app: RunningApp) -> Iterator[httpx.Client]:
    """Yield a client of the running app."""
    with running_app.client() as client:
        yield client


@pytest.fixture
def name() -> str:
    """Return a registry name that nobody else uses."""
    return f"Test-{uuid.uuid4().hex[:20]}"


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    """Record traces and figures, until the end of the test."""
    yield Recorded()
    telemetry.record_with(None)
