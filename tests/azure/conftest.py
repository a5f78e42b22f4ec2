"""What the tests of the Azure backend share."""

import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from devstack.resource_manager.running import RunningResourceManager
from registry_api.managed_identity import ManagedIdentity
from tests.azure.world import SHARED_GROUP, AzureWorld


@pytest.fixture(scope="session")
def running_azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningResourceManager]:
    """Yield a stand-in for Azure Resource Manager, whose clock moves only when it is told to."""
    folder: Path = tmp_path_factory.mktemp("azure")
    with RunningResourceManager.start(folder, stands_still=True) as manager:
        yield manager


@pytest.fixture
def azure(running_azure: RunningResourceManager, monkeypatch: pytest.MonkeyPatch) -> RunningResourceManager:
    """Return the stand-in with nothing in it, trusted by whoever connects."""
    running_azure.control("POST", "reset")
    monkeypatch.setenv("SSL_CERT_FILE", str(running_azure.authority))
    # What it does for a process that has not imported aiohttp yet.
    trusting = ssl.create_default_context(cafile=str(running_azure.authority))
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
    return running_azure


@pytest.fixture
async def world(azure: RunningResourceManager) -> AsyncIterator[AzureWorld]:
    """Yield a control plane that makes a resource group for each registry."""
    async with AzureWorld(azure) as world:
        yield world


@pytest.fixture
async def shared(azure: RunningResourceManager) -> AsyncIterator[AzureWorld]:
    """Yield a control plane that makes everything in one group which is there."""
    async with AzureWorld(azure, SHARED_GROUP) as world:
        yield world


@pytest.fixture
def azure_identity(running_azure: RunningResourceManager, monkeypatch: pytest.MonkeyPatch) -> ManagedIdentity:
    """Return the app's own identity, whose tokens come from the stand-in."""
    monkeypatch.setenv("SSL_CERT_FILE", str(running_azure.authority))
    given = running_azure.environment
    return ManagedIdentity(given["IDENTITY_ENDPOINT"], given["IDENTITY_HEADER"])
