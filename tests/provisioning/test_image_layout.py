"""An image layout is walked completely, and pushed to without a loss."""

import asyncio
import json
from typing import Any

import pytest

from registry_api.domain.plan import Verb
from registry_api.domain.resources import Kind
from registry_api.provisioning import oci
from registry_api.provisioning.oci import Descriptor, LayoutError, push_artifact, referenced
from tests.provisioning.cloud import Cloud, contents, new_registry, resource_of

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


class Layout:
    """Documents that refer to each other, in memory."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.read_digests: list[str] = []

    def add(self, media_type: str, content: bytes | dict[str, Any]) -> dict[str, Any]:
        """Keep a content and return its descriptor."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        digest = oci.digest_of(data)
        self.blobs[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    async def read(self, descriptor: Descriptor) -> bytes:
        """Return a document and remember that it was asked for."""
        self.read_digests.append(descriptor.digest)
        return self.blobs[descriptor.digest]


def index_of(*descriptors: dict[str, Any]) -> bytes:
    """Return an index that names these."""
    return json.dumps({"schemaVersion": 2, "manifests": descriptors}).encode()


async def test_everything_is_found_through_nested_indexes() -> None:
    """Manifests of an index within the index are walked, and what several share is read once."""
    layout = Layout()
    shared = layout.add(LAYER, b"shared")
    images = [
        layout.add(MANIFEST, {"config": layout.add("application/json", config), "layers": [shared], "schemaVersion": 2})
        for config in (b"{}", b"[]")
    ]
    nested = layout.add(INDEX, {"manifests": images})
    needed = await referenced(index_of(nested, images[0], shared), layout.read)
    assert needed == {digest: len(content) for digest, content in layout.blobs.items()}
    assert len(layout.read_digests) == len(set(layout.read_digests)) == 3


async def test_blobs_of_an_unknown_type_are_needed_but_not_read() -> None:
    """What is not a known kind of document is copied as it is."""
    layout = Layout()
    unknown = layout.add("application/x-unknown", b"\x00")
    assert await referenced(index_of(unknown), layout.read) == {unknown["digest"]: 1}
    assert layout.read_digests == []


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (b"\xff", "its index is malformed"),
        (b"[]", "its index is malformed"),
        (b'{"manifests": 1}', "its index is malformed at manifests"),
        (index_of({"mediaType": LAYER, "digest": "sha256:../../x", "size": 1}), "malformed at manifests.0.digest"),
        (index_of({"mediaType": LAYER, "digest": f"sha512:{64 * '0'}", "size": 1}), "manifests.0.digest"),
        (index_of({"mediaType": LAYER, "digest": f"sha256:{64 * '0'}\n", "size": 1}), "manifests.0.digest"),
        (index_of({"mediaType": LAYER, "digest": f"sha256:{64 * '0'}", "size": -1}), "manifests.0.size"),
        (index_of({"mediaType": MANIFEST, "digest": f"sha256:{64 * '0'}", "size": 10**9}), "is larger than"),
    ],
)
async def test_a_malformed_index_is_refused(index: bytes, message: str) -> None:
    """Nothing is read for an index that cannot be right, and the error says what is wrong with it."""
    with pytest.raises(LayoutError, match=message):
        await referenced(index, Layout().read)


async def test_a_malformed_manifest_is_named() -> None:
    """The error names the manifest that is wrong."""
    layout = Layout()
    broken = layout.add(MANIFEST, b"not json")
    with pytest.raises(LayoutError, match=f"the manifest {broken['digest']} is malformed"):
        await referenced(index_of(broken), layout.read)


async def test_pushes_at_the_same_time_all_count(cloud: Cloud) -> None:
    """The index is replaced only if it is still the one that was read."""
    registry = new_registry("eastus")
    home = resource_of(registry, Kind.CONTAINER_REGISTRY)
    await cloud.start(registry, Verb.CREATE, home)
    container = await cloud.container(home)
    digests = await asyncio.gather(
        *(push_artifact(container, f"model:{number}", [bytes([number])]) for number in range(4))
    )
    manifests = json.loads((await contents(container))["index.json"])["manifests"]
    assert {manifest["digest"] for manifest in manifests} == set(digests)
    assert (await cloud.backend.observe(registry, home)).details["images"] == "4"


async def test_a_reference_means_one_artifact(cloud: Cloud) -> None:
    """Pushing under the same reference replaces what it meant; the layout verifies digest by digest."""
    registry = new_registry("eastus")
    home = resource_of(registry, Kind.CONTAINER_REGISTRY)
    await cloud.start(registry, Verb.CREATE, home)
    container = await cloud.container(home)
    await push_artifact(container, "model:1", [b"old"])
    digest = await push_artifact(container, "model:1", [b"new", b""])
    layout = await contents(container)
    (entry,) = json.loads(layout["index.json"])["manifests"]
    assert entry["digest"] == digest
    assert entry["annotations"] == {"org.opencontainers.image.ref.name": "model:1"}
    for name, content in layout.items():
        if name.startswith("blobs/"):
            assert name == oci.blob_name(oci.digest_of(content))
