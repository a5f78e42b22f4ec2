"""The app on an identity of its own: with its storage, whose keys may be off, and with Azure Resource Manager."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from ssl import SSLCertVerificationError

import pytest
from azure.core.credentials_async import AsyncTokenCredential
from azure.identity.aio import ChainedTokenCredential

from devstack import azurite
from devstack.azurite import Azurite
from devstack.certificate import Certificate
from devstack.resource_manager.running import RunningResourceManager
from registry_api import bootstrap
from registry_api.managed_identity import ManagedIdentity
from registry_api.provisioning.azure import AzureBackend
from registry_api.service.messages import Message
from registry_api.service.ports import StorageUnavailable
from registry_api.settings import Settings
from registry_api.startup import SettingsError
from registry_api.storage.connection import Endpoint
from registry_api.storage.queues import StorageQueue
from registry_api.storage.rows import Insert
from registry_api.storage.tables import TableRows
from tests.azure.world import Token
from tests.live import RunningApp, follow

ACCOUNT = azurite.ACCOUNT
ON_AZURE = {
    "AzureWebJobsStorage__tableServiceUri": "https://account.table.core.windows.net",
    "AzureWebJobsStorage__queueServiceUri": "https://account.queue.core.windows.net",
    "REGISTRY_SIGNING_KEY": "secret",
    "REGISTRY_BACKEND": "azure",
    "REGISTRY_AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-00000000000b",
    "IDENTITY_ENDPOINT": "http://127.0.0.1:1/msi/token",
    "IDENTITY_HEADER": "loopback",
}


@pytest.fixture
def trusting_azurite(
    running_azure: RunningResourceManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Azurite]:
    """Yield an Azurite that speaks https and takes access tokens, trusted by whoever connects, as the stand-in is."""
    certificate = Certificate(running_azure.authority.parent)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    with azurite.start(tmp_path / "data", certificate=certificate) as storage:
        yield storage


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, str]], None]]:
    """Yield a way to put the app into another environment."""
    caches = (bootstrap.settings, bootstrap.app, bootstrap.backend, bootstrap.credential)

    def enter(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        for cache in caches:
            cache.cache_clear()

    yield enter
    for cache in caches:
        cache.cache_clear()


async def test_storage_is_used_with_a_managed_identity(
    trusting_azurite: Azurite, azure_identity: AsyncTokenCredential
) -> None:
    """Rows and messages are written with access tokens; no key takes part."""
    rows = TableRows(Endpoint(f"{trusting_azurite.table_endpoint}/{ACCOUNT}", azure_identity), "registries")
    queue = StorageQueue(Endpoint(f"{trusting_azurite.queue_endpoint}/{ACCOUNT}", azure_identity), "provisioning")
    message = Message.model_validate(
        {"tenant": "t", "name": "n", "visit": "v", "serial": 1, "announced_at": "2026-01-01T00:00:00Z"}
    )
    try:
        await rows.transact("partition", [Insert("key", "text")])
        row = await rows.get("partition", "key")
        await queue.send(message, timedelta(0))
        await queue.check()
    finally:
        await rows.close()
        await queue.close()

    assert row is not None
    assert row.text == "text"


async def test_a_token_for_something_else_is_refused(trusting_azurite: Azurite) -> None:
    """The emulator looks at what a token is for: one that is for nothing known does not get in."""
    rows = TableRows(Endpoint(f"{trusting_azurite.table_endpoint}/{ACCOUNT}", Token()), "registries")
    try:
        with pytest.raises(StorageUnavailable):
            await rows.get("partition", "key")
    finally:
        await rows.close()


async def test_a_server_that_nobody_vouches_for_is_not_spoken_to(
    trusting_azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Certificates are verified, and it is told that there is no connection; no token was sent."""
    monkeypatch.delenv("SSL_CERT_FILE")
    rows = TableRows(Endpoint(f"{trusting_azurite.table_endpoint}/{ACCOUNT}", Token()), "registries")
    with pytest.raises(StorageUnavailable, match="no connection") as caught:
        await rows.get("partition", "key")
    assert isinstance(caught.value.__cause__.__cause__ if caught.value.__cause__ else None, SSLCertVerificationError)


def test_the_settings_decide_who_the_app_is(environment: Callable[[dict[str, str]], None]) -> None:
    """On Azure it is its managed identity, on a developer's machine the developer."""
    environment(ON_AZURE)
    assert isinstance(bootstrap.credential(), ManagedIdentity)
    assert isinstance(bootstrap.backend(), AzureBackend)
    environment({"IDENTITY_ENDPOINT": ""})
    assert isinstance(bootstrap.credential(), ChainedTokenCredential)


@pytest.mark.parametrize(
    "missing",
    ["AzureWebJobsStorage__tableServiceUri", "REGISTRY_SIGNING_KEY", "REGISTRY_AZURE_SUBSCRIPTION_ID"],
)
def test_what_azure_needs_is_asked_for(missing: str) -> None:
    """Without a storage key the addresses and a signing key have to be there, and a backend needs a subscription."""
    assert Settings.read(ON_AZURE).secret == ON_AZURE["REGISTRY_SIGNING_KEY"]
    with pytest.raises(SettingsError, match=missing):
        Settings.read({name: value for name, value in ON_AZURE.items() if name != missing})


def test_the_whole_app_provisions_through_its_identity(own_azurite: Azurite, tmp_path: Path) -> None:
    """The app under the host gets its token, makes a registry and removes it; the stand-in has seen it all."""
    with (
        RunningResourceManager.start(tmp_path) as azure,
        RunningApp.start(own_azurite, **azure.environment) as app,
        app.client() as client,
    ):
        azure.control("PATCH", "cloud", {"storage_create": 0, "group_delete": 0})
        body = {"name": "On-Azure", "location": "eastus", "replication_locations": [{"location": "eastus"}]}
        created = client.put("registries/On-Azure", json=body)
        assert created.status_code == 201, created.text
        assert follow(client, created.headers["operation-location"])["status"] == "Succeeded"
        status = client.get("registries/On-Azure").json()["status"]
        there = {thing["id"] for thing in azure.control("GET", "things")}
        assert status["container_registry"]["id"] in there
        assert status["container_registry"]["login_server"].endswith(".azurecr.io")
        assert {identifier.split("/")[4] for identifier in there} == {status["managed_resource_group"]}

        deleted = client.delete("registries/On-Azure")
        assert follow(client, deleted.headers["operation-location"])["status"] == "Succeeded"
        assert azure.control("GET", "things") == []
