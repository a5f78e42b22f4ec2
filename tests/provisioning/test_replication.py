"""A replica is a verified copy, whatever happens while it is made."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from azure.storage.blob.aio import ContainerClient

from registry_api.domain.plan import Presence, Verb
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Kind, Resource
from registry_api.provisioning import oci, replication
from registry_api.provisioning.containers import Container, unavailable
from registry_api.provisioning.oci import push_artifact
from registry_api.service.backend import BackendError
from tests.provisioning.cloud import Cloud, contents, new_registry, resource_of

LAYERS = [b"weights" * 1000, b"code", b""]
READING = {"metadata", "blobs", "read"}
CHANGING = {"create", "write", "write_new", "stage", "commit"}


class Replicated:
    """A registry with content at home, and a replica in another region."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.registry: Registry = new_registry("eastus", "westus")
        self.home_resource: Resource = resource_of(self.registry, Kind.CONTAINER_REGISTRY)
        self.resource: Resource = resource_of(self.registry, Kind.REPLICA, "westus")
        self.home: ContainerClient
        self.replica: ContainerClient

    async def begin(self) -> None:
        """Make the home and push an artifact to it."""
        self.home = await self.cloud.container(self.home_resource)
        self.replica = await self.cloud.container(self.resource)
        await self.cloud.start(self.registry, Verb.CREATE, self.home_resource)
        await push_artifact(self.home, "model:1", LAYERS)

    async def copy(self) -> None:
        """Start making the replica, or mending it."""
        await self.cloud.start(self.registry, Verb.REPAIR, self.resource)

    async def presence(self) -> Presence:
        """Return what is seen of the replica."""
        return (await self.cloud.backend.observe(self.registry, self.resource)).presence

    async def check_copy(self) -> None:
        """Check that the replica has every byte of the home."""
        home, replica = await contents(self.home), await contents(self.replica)
        assert {name: replica.get(name) for name in home if name != "registry.json"} == {
            name: content for name, content in home.items() if name != "registry.json"
        }
        assert await self.presence() is Presence.READY

    async def check_index(self) -> None:
        """Check that the replica's index, if there is one, names nothing that is not there."""
        if not await self.replica.get_blob_client(oci.INDEX).exists():
            return
        there = await contents(self.replica)

        async def read(descriptor: oci.Descriptor) -> bytes:
            return there[oci.blob_name(descriptor.digest)]

        for digest in await oci.referenced(there[oci.INDEX], read):
            assert oci.digest_of(there[oci.blob_name(digest)]) == digest


@pytest.fixture
async def replicated(cloud: Cloud) -> Replicated:
    """Return a home with content, and a replica yet to be made."""
    result = Replicated(cloud)
    await result.begin()
    return result


async def test_the_bytes_are_really_there(replicated: Replicated) -> None:
    """Every blob of the home is in the other region's account, byte by byte, and the details tell how much."""
    await replicated.copy()
    await replicated.check_copy()
    seen = await replicated.cloud.backend.observe(replicated.registry, replicated.resource)
    blobs = {name: data for name, data in (await contents(replicated.home)).items() if name.startswith("blobs/")}
    assert seen.details["blobs"] == str(len(blobs)) == "5"
    assert seen.details["bytes"] == str(sum(len(data) for data in blobs.values()))
    home = await replicated.cloud.backend.observe(replicated.registry, replicated.home_resource)
    assert seen.details["digest"] == home.details["digest"]
    assert "localwestus" in seen.details["login_server"]


async def test_large_blobs_are_copied_part_by_part(replicated: Replicated, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blob of many parts, the last of which is short, arrives whole."""
    monkeypatch.setattr(replication, "CHUNK", 1000)
    await replicated.copy()
    await replicated.check_copy()


async def test_only_what_the_index_leads_to_is_copied(replicated: Replicated) -> None:
    """Blobs that nothing refers to stay at home."""
    await replicated.home.upload_blob("blobs/sha256/stray", b"stray")
    await replicated.copy()
    assert "blobs/sha256/stray" not in await contents(replicated.replica)
    assert await replicated.presence() is Presence.READY


async def test_nested_indexes_are_copied(replicated: Replicated) -> None:
    """An image for several platforms, which is an index within the index, arrives with all its parts."""
    index = json.loads((await contents(replicated.home))["index.json"])
    nested = json.dumps(index | {"mediaType": "application/vnd.oci.image.index.v1+json"}).encode()
    digest = oci.digest_of(nested)
    await replicated.home.upload_blob(oci.blob_name(digest), nested)
    entry = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": len(nested)}
    top = json.dumps(index | {"manifests": [entry]}).encode()
    await replicated.home.upload_blob("index.json", top, overwrite=True)
    await replicated.copy()
    await replicated.check_copy()
    await replicated.check_index()


async def test_content_pushed_later_makes_the_replica_different(replicated: Replicated) -> None:
    """A push to the home is seen at the replica, and mending copies only what is new."""
    await replicated.copy()
    before = {blob.name: blob.last_modified async for blob in replicated.replica.list_blobs("blobs/")}
    await push_artifact(replicated.home, "model:2", [b"more"])
    assert await replicated.presence() is Presence.DIFFERENT
    copied: list[str] = []
    await _watch(replicated.copy, copied)
    assert len(copied) == 2  # the layer and the manifest; the empty config is there already
    assert not set(copied) & before.keys()
    await replicated.check_copy()


@pytest.mark.parametrize("lost", ["layer", "oci-layout", "index.json"])
async def test_what_is_lost_in_a_replica_is_copied_again(replicated: Replicated, lost: str) -> None:
    """A replica that lost a file is different until it is mended."""
    await replicated.copy()
    name = oci.blob_name(oci.digest_of(LAYERS[0])) if lost == "layer" else lost
    await replicated.replica.delete_blob(name)
    assert await replicated.presence() is Presence.DIFFERENT
    await replicated.copy()
    await replicated.check_copy()


async def test_a_blob_of_the_wrong_size_is_copied_again(replicated: Replicated) -> None:
    """A truncated blob is noticed and replaced."""
    await replicated.copy()
    name = oci.blob_name(oci.digest_of(LAYERS[0]))
    await replicated.replica.upload_blob(name, LAYERS[0][:-1], overwrite=True)
    assert await replicated.presence() is Presence.DIFFERENT
    await replicated.copy()
    await replicated.check_copy()


async def test_interrupted_at_any_call_it_resumes(replicated: Replicated) -> None:
    """Whichever call fails, before or after it took effect, the next start goes on, and the index never lies."""
    with pytest.MonkeyPatch.context() as patch:
        calls = _fail_at(patch, None)
        await replicated.copy()
    assert set(calls) == READING | CHANGING
    moments = [(number, False) for number in range(len(calls))]
    moments += [(number, True) for number, name in enumerate(calls) if name in CHANGING]
    for number, fails_after in moments:
        await replicated.cloud.start(replicated.registry, Verb.DELETE, replicated.resource)
        with pytest.MonkeyPatch.context() as patch:
            _fail_at(patch, number, fails_after=fails_after)
            with pytest.raises(BackendError, match="failed for the test"):
                await replicated.copy()
        await replicated.check_index()
        await replicated.copy()
        assert await replicated.presence() is Presence.READY
    await replicated.check_copy()


async def test_what_takes_long_is_continued_later(replicated: Replicated, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time is up the start ends without a failure; what was copied stays and the index is not written."""
    monkeypatch.setattr(replication, "START_BLOBS_FOR_SECONDS", 0.0)
    await replicated.copy()
    assert "index.json" not in await contents(replicated.replica)
    assert await replicated.presence() is Presence.DIFFERENT
    monkeypatch.undo()
    await replicated.copy()
    await replicated.check_copy()


async def test_a_blob_that_takes_too_long_is_told(replicated: Replicated, monkeypatch: pytest.MonkeyPatch) -> None:
    """One blob cannot hold up a visit for ever."""
    monkeypatch.setattr(replication, "BLOB_SECONDS", 0.0)
    with pytest.raises(BackendError, match="could not be copied to region 'westus' within") as caught:
        await replicated.copy()
    assert not caught.value.failure.final


@pytest.mark.parametrize("content", [b"WEIGHTS" * 1000, b"short", LAYERS[0] + b"!", b""])
async def test_a_corrupt_blob_is_never_replicated(replicated: Replicated, content: bytes) -> None:
    """Bytes that are not what their digest says end in a final failure and are not visible in the replica."""
    name = oci.blob_name(oci.digest_of(LAYERS[0]))
    await replicated.home.upload_blob(name, content, overwrite=True)
    if content.startswith(LAYERS[0]):  # the bytes that the descriptor means are all there
        await replicated.copy()
        assert (await contents(replicated.replica))[name] == LAYERS[0]
        return
    with pytest.raises(BackendError, match=f"'eastus' cannot be copied: .*{oci.digest_of(LAYERS[0])}") as caught:
        await replicated.copy()
    assert caught.value.failure.final
    there = await contents(replicated.replica)
    assert name not in there
    assert "index.json" not in there
    await push_artifact(replicated.home, "model:1", LAYERS)
    await replicated.copy()
    await replicated.check_copy()


async def test_a_size_that_is_too_large_is_told_at_once(replicated: Replicated) -> None:
    """Who reads past the end of a blob is not slow: the manifest is wrong, and waiting does not help."""
    layer = {"mediaType": "application/octet-stream", "digest": oci.digest_of(LAYERS[1]), "size": 10**15}
    manifest = json.dumps({"schemaVersion": 2, "layers": [layer]}).encode()
    await replicated.home.upload_blob(oci.blob_name(oci.digest_of(manifest)), manifest)
    described = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": oci.digest_of(manifest),
        "size": len(manifest),
    }
    await replicated.home.upload_blob("index.json", json.dumps({"manifests": [described]}).encode(), overwrite=True)
    with pytest.raises(BackendError, match=f"has {len(LAYERS[1])} bytes, not {10**15}") as caught:
        await replicated.copy()
    assert caught.value.failure.final


async def test_a_missing_blob_at_home_is_final(replicated: Replicated) -> None:
    """An index that names what is not there is for a person to mend."""
    await replicated.home.delete_blob(oci.blob_name(oci.digest_of(LAYERS[1])))
    with pytest.raises(BackendError, match="is missing") as caught:
        await replicated.copy()
    assert caught.value.failure.final


async def test_a_home_that_changes_while_it_is_copied_is_tried_again(
    replicated: Replicated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blob that is gone because its image was removed meanwhile is no fault of the layout."""
    read = Container.read

    async def read_late(container: Container, name: str, *part: int) -> bytes | None:
        if name == oci.blob_name(oci.digest_of(LAYERS[0])):
            await replicated.home.upload_blob("index.json", oci.EMPTY_INDEX, overwrite=True)
            await replicated.home.delete_blob(name)
            monkeypatch.undo()
        return await read(container, name, *part)

    monkeypatch.setattr(Container, "read", read_late)
    with pytest.raises(BackendError, match="is missing") as caught:
        await replicated.copy()
    assert not caught.value.failure.final
    await replicated.copy()
    assert await replicated.presence() is Presence.READY


async def test_two_workers_do_no_harm(replicated: Replicated) -> None:
    """Two that copy at the same time may disturb each other, but the next one finds or makes a true copy."""
    results = await asyncio.gather(replicated.copy(), replicated.copy(), return_exceptions=True)
    assert all(result is None or isinstance(result, BackendError) for result in results)
    await replicated.check_index()
    await replicated.copy()
    await replicated.check_copy()


async def test_without_a_home_nothing_is_copied(replicated: Replicated) -> None:
    """A replica waits for its container registry, also for one that is only half made."""
    await replicated.home.delete_blob("index.json")
    with pytest.raises(BackendError, match="no complete container registry yet") as caught:
        await replicated.copy()
    assert not caught.value.failure.final
    assert await replicated.presence() is Presence.DIFFERENT
    await replicated.home.delete_container()
    with pytest.raises(BackendError, match="no container registry yet") as caught:
        await replicated.copy()
    assert not caught.value.failure.final


async def test_a_replica_in_its_usual_state_costs_two_calls(
    replicated: Replicated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Observing a replica reads no blob of it: one listing, and the home's index."""
    await replicated.copy()
    calls = _fail_at(monkeypatch, None)
    assert await replicated.presence() is Presence.READY
    assert calls == ["blobs", "read"]


def _fail_at(patch: pytest.MonkeyPatch, fails_at: int | None, *, fails_after: bool = False) -> list[str]:
    """Record the calls to containers, and let one of them fail."""
    calls: list[str] = []

    def recording(name: str) -> Callable[..., Awaitable[Any]]:
        original = getattr(Container, name)

        async def call(*arguments: object) -> object:
            is_the_one = len(calls) == fails_at
            calls.append(name)
            if is_the_one and not fails_after:
                raise unavailable("westus", "failed for the test.")
            result = await original(*arguments)
            if is_the_one:
                raise unavailable("westus", "failed for the test.")
            return result

        return call

    for name in READING | CHANGING:
        patch.setattr(Container, name, recording(name))
    return calls


async def _watch(work: Callable[[], Awaitable[None]], copied: list[str]) -> None:
    """Do some work and note which blobs it copies."""
    commit = Container.commit

    async def note(container: Container, name: str, count: int) -> None:
        copied.append(name)
        await commit(container, name, count)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Container, "commit", note)
        await work()
