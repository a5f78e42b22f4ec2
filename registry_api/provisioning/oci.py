"""An OCI image layout in a blob container: what it consists of, what it refers to, how something is added to it.

See https://github.com/opencontainers/image-spec/blob/main/image-layout.md. Digests are SHA-256 only.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError
from azure.storage.blob.aio import ContainerClient
from pydantic import BaseModel, Field, NonNegativeInt, ValidationError

from registry_api.domain.record import Record

MARKER = "oci-layout"
MARKER_CONTENT = b'{"imageLayoutVersion":"1.0.0"}'
INDEX = "index.json"
BLOBS = "blobs/"

_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_ARTIFACT_TYPE = "application/vnd.registry-api.artifact"
_EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
_LAYER_TYPE = "application/octet-stream"
_REFERENCE = "org.opencontainers.image.ref.name"
_DOCUMENT_TYPES = frozenset(
    {
        _INDEX_TYPE,
        _MANIFEST_TYPE,
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    }
)
_MAX_DOCUMENT = 4 * 1024 * 1024

EMPTY_INDEX = json.dumps(
    {"schemaVersion": 2, "mediaType": _INDEX_TYPE, "manifests": []}, separators=(",", ":")
).encode()


class LayoutError(Exception):
    """An image layout is not what it says of itself. The message has no full stop and fits into a sentence."""


class Descriptor(Record):
    """What an image layout says of one of its blobs."""

    media_type: Annotated[str, Field(alias="mediaType")]
    digest: Annotated[str, Field(pattern=r"\Asha256:[0-9a-f]{64}\z")]
    size: NonNegativeInt


class _Document(BaseModel):
    """The part of an index or of a manifest that refers to blobs."""

    manifests: tuple[Descriptor, ...] = ()
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()

    @property
    def descriptors(self) -> tuple[Descriptor, ...]:
        """Return everything that the document refers to."""
        return self.manifests + ((self.config,) if self.config else ()) + self.layers


def digest_of(content: bytes) -> str:
    """Return the digest of a content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def blob_name(digest: str) -> str:
    """Return where the blob with a digest is kept."""
    return f"{BLOBS}{digest.replace(':', '/')}"


def image_count(index: bytes) -> int:
    """Return how many images an index names at its top.

    Raises:
        LayoutError: If it is not an index.
    """
    return len(_parse(index, "its index").manifests)


async def referenced(index: bytes, read: Callable[[Descriptor], Awaitable[bytes]]) -> dict[str, int]:
    """Return the digest and the size of every blob that an index leads to, through whatever it nests.

    Args:
        index: The content of `index.json`.
        read: Reads an index or a manifest and verifies its digest.

    Raises:
        LayoutError: If a document on the way is malformed or too large.
    """
    needed: dict[str, int] = {}
    seen: set[Descriptor] = set()
    pending = list(_parse(index, "its index").descriptors)
    while pending:
        descriptor = pending.pop()
        if descriptor in seen:
            continue
        seen.add(descriptor)
        needed[descriptor.digest] = descriptor.size
        if descriptor.media_type in _DOCUMENT_TYPES:
            if descriptor.size > _MAX_DOCUMENT:
                raise LayoutError(f"the manifest {descriptor.digest} is larger than {_MAX_DOCUMENT} bytes")
            document = _parse(await read(descriptor), f"the manifest {descriptor.digest}")
            pending += document.descriptors
    return needed


async def push_artifact(container: ContainerClient, reference: str, layers: Sequence[bytes]) -> str:
    """Add an artifact to the image layout in a container, under a reference that then means nothing else.

    The index is replaced last and only if nobody else has changed it meanwhile, so that pushes at the same
    time all count.

    Args:
        container: The container of a complete layout.
        reference: What the artifact is called, such as `model:1`.
        layers: The contents of its layers.

    Returns:
        The digest of its manifest.
    """
    config = b"{}"
    manifest = _to_json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST_TYPE,
            "artifactType": _ARTIFACT_TYPE,
            "config": _describe(config, _EMPTY_TYPE),
            "layers": [_describe(layer, _LAYER_TYPE) for layer in layers],
        }
    )
    for content in (config, *layers, manifest):
        await container.upload_blob(blob_name(digest_of(content)), content, overwrite=True)
    entry = _describe(manifest, _MANIFEST_TYPE) | {
        "artifactType": _ARTIFACT_TYPE,
        "annotations": {_REFERENCE: reference},
    }
    while not await _put_into_index(container, reference, entry):
        pass  # somebody else's push was faster
    return digest_of(manifest)


async def _put_into_index(container: ContainerClient, reference: str, entry: dict[str, Any]) -> bool:
    """Name an entry in the index; return False if somebody else has changed the index meanwhile."""
    blob = container.get_blob_client(INDEX)
    download = await blob.download_blob()
    index = json.loads(await download.readall())
    others = [
        other for other in index.get("manifests", ()) if other.get("annotations", {}).get(_REFERENCE) != reference
    ]
    try:
        await blob.upload_blob(
            _to_json(index | {"manifests": [*others, entry]}),
            overwrite=True,
            etag=download.properties.etag,
            match_condition=MatchConditions.IfNotModified,
        )
    except ResourceModifiedError:
        return False
    return True


def _parse(content: bytes, what: str) -> _Document:
    try:
        return _Document.model_validate_json(content)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in problem["loc"])
        raise LayoutError(
            f"{what} is malformed{f' at {place}' if place else ''}: {problem['msg'].rstrip('.')}"
        ) from None


def _describe(content: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def _to_json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
