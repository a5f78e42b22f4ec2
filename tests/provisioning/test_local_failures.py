"""A region that fails, really or by setting, says so in words for people."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from azure.core.exceptions import HttpResponseError

from registry_api.domain.plan import Action, Presence, Verb
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Failure, Kind
from registry_api.provisioning import containers
from registry_api.provisioning.local import LocalBackend
from registry_api.service.backend import BackendError
from registry_api.settings import DEVELOPMENT_KEY
from tests.provisioning.cloud import Cloud, new_registry, resource_of


async def failure_of(backend: LocalBackend, registry: Registry, region: str = "eastus") -> Failure:
    """Return how observing and starting fail, which has to be in the same way."""
    resource = resource_of(registry, Kind.STORAGE_ACCOUNT, region)
    try:
        with pytest.raises(BackendError) as observing:
            await backend.observe(registry, resource)
        with pytest.raises(BackendError) as starting:
            await backend.start(registry, Action(Verb.CREATE, resource))
    finally:
        await backend.close()
    assert observing.value.failure == starting.value.failure
    assert DEVELOPMENT_KEY not in observing.value.failure.message
    return observing.value.failure


@contextlib.asynccontextmanager
async def server(answer: bytes | None) -> AsyncIterator[str]:
    """Serve one answer to everything, or none at all; yield the address."""
    conversations: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            if answer is None:
                await reader.read()
            else:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer)
                await writer.drain()
            writer.close()
            await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    await asyncio.gather(*(conversation for conversation in conversations if conversation))


async def test_a_region_that_is_down_fails_until_it_is_up_again(cloud: Cloud) -> None:
    """The fault can be switched while the app runs, and the other regions do not notice."""
    registry = new_registry("eastus", "westus")
    cloud.backend.down = frozenset({"westus"})
    assert await failure_of(cloud.backend, registry, "westus") == Failure(
        code="RegionUnavailable", message="Region 'westus' does not answer."
    )
    await cloud.start(registry, Verb.CREATE, resource_of(registry, Kind.STORAGE_ACCOUNT, "eastus"))
    cloud.backend.down = frozenset()
    await cloud.start(registry, Verb.CREATE, resource_of(registry, Kind.STORAGE_ACCOUNT, "westus"))


async def test_a_replica_is_removed_while_the_primary_region_is_down(cloud: Cloud) -> None:
    """What is on its way out needs nothing of the primary region; what is to stay cannot be compared."""
    registry = new_registry("eastus", "westus")
    replica = resource_of(registry, Kind.REPLICA, "westus")
    await cloud.converge(registry)
    cloud.backend.down = frozenset({"eastus"})
    with pytest.raises(BackendError, match="Region 'eastus' does not answer"):
        await cloud.backend.observe(registry, replica)
    leaving = registry.model_copy(update={"deleting": True})
    assert (await cloud.backend.observe(leaving, replica)).presence is Presence.READY
    await cloud.start(leaving, Verb.DELETE, replica)
    assert (await cloud.backend.observe(leaving, replica)).presence is Presence.ABSENT


@pytest.mark.parametrize("kind", [Kind.STORAGE_ACCOUNT, Kind.CONTAINER_REGISTRY, Kind.REPLICA])
async def test_an_undeclared_account_is_told_with_the_cure(cloud: Cloud, kind: Kind) -> None:
    """A region that Azurite was not started with is a final failure that says how to start it."""
    registry = new_registry("eastus", "westus")
    resource = next(each for each in registry.resources if each.kind is kind)
    nowhere = resource.model_copy(update={"region": "nowhere"})
    await cloud.start(registry, Verb.CREATE, resource_of(registry, Kind.CONTAINER_REGISTRY))
    with pytest.raises(BackendError) as observing:
        await cloud.backend.observe(registry, nowhere)
    for verb in (Verb.CREATE, Verb.DELETE):
        with pytest.raises(BackendError) as starting:
            await cloud.start(registry, verb, nowhere)
        assert starting.value.failure == observing.value.failure
    assert observing.value.failure.final
    assert observing.value.failure.code == "ProvisioningFailed"
    assert "AZURITE_ACCOUNTS='localnowhere:<key>;...'" in observing.value.failure.message


@pytest.mark.parametrize("key", ["d3Jvbmc=", "not base64!"])
async def test_a_wrong_key_is_told(cloud: Cloud, key: str) -> None:
    """A key that Azurite does not take, or that is none, is a final failure that names the setting."""
    failure = await failure_of(LocalBackend(cloud.endpoint, key), new_registry("eastus"))
    assert failure.final
    assert "REGISTRY_LOCAL_ACCOUNT_KEY" in failure.message
    assert key not in failure.message


async def test_nobody_listens() -> None:
    """When nothing listens the failure asks whether Azurite is running."""
    async with server(None) as endpoint:
        pass
    failure = await failure_of(LocalBackend(endpoint, DEVELOPMENT_KEY), new_registry("eastus"))
    assert failure == Failure(
        code="RegionUnavailable", message="Region 'eastus' cannot be reached. Is Azurite running?"
    )


async def test_a_silent_region_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A region that takes the call but never answers holds nobody up."""
    monkeypatch.setattr(containers, "CALL_SECONDS", 0.2)
    async with server(None) as endpoint:
        failure = await failure_of(LocalBackend(endpoint, DEVELOPMENT_KEY), new_registry("eastus"))
    assert failure.code == "RegionUnavailable"
    assert not failure.final
    assert "did not answer within" in failure.message


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        ("503 Server Busy", "RegionUnavailable", "Region 'eastus' answers that it cannot serve now (HTTP 503)."),
        ("429 Too Many", "RegionUnavailable", "Region 'eastus' answers that it cannot serve now (HTTP 429)."),
        ("404 Not Found", "ProvisioningFailed", "Region 'eastus' answered HTTP 404 for the container"),
        (
            "412 No\r\nx-ms-error-code: LeaseIdMissing",
            "ProvisioningFailed",
            "Region 'eastus' answered HTTP 412 LeaseIdMissing for the container",
        ),
        (
            "409 Conflict\r\nx-ms-error-code: ContainerBeingDeleted",
            "ProvisioningFailed",
            "in region 'eastus' is still being deleted.",
        ),
    ],
)
async def test_what_may_pass_is_not_final(status: str, code: str, message: str) -> None:
    """Busy regions, unexpected answers and slow deletions are tried again; the status is told."""
    answer = f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
    registry = new_registry("eastus")
    async with server(answer) as endpoint:
        backend = LocalBackend(endpoint, DEVELOPMENT_KEY)
        with pytest.raises(BackendError) as caught:
            await backend.start(registry, Action(Verb.CREATE, resource_of(registry, Kind.STORAGE_ACCOUNT)))
        await backend.close()
    assert caught.value.failure.code == code
    assert message in caught.value.failure.message
    assert not caught.value.failure.final


async def test_an_answer_that_breaks_off_is_not_final(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that the SDK cannot make sense of is no reason to give up."""

    async def break_off(*_: object, **__: object) -> None:
        raise HttpResponseError("broken")

    monkeypatch.setattr("azure.storage.blob.aio.ContainerClient.get_container_properties", break_off)
    registry = new_registry("eastus")
    with pytest.raises(BackendError, match="'eastus' broke off its answer") as caught:
        await cloud.backend.observe(registry, resource_of(registry, Kind.STORAGE_ACCOUNT))
    assert not caught.value.failure.final
