"""Copy the image layout of a container registry to another region, digest by digest, and tell whether it is there."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping

from registry_api.domain.resources import FailureKind
from registry_api.provisioning import oci
from registry_api.provisioning.containers import Container, Listed, failed, unavailable

CHUNK = 4 * 1024 * 1024
# Short, so that a visit gets to its end in time. What was copied stays; the next visit goes on where this one ends.
START_BLOBS_FOR_SECONDS = 3.0
BLOB_SECONDS = 40.0

_DIGEST = "digest"
_INVENTORY = "inventory"


def is_copy(replica: Mapping[str, Listed], home_index: bytes) -> bool:
    """Tell from a listing whether a replica is a complete copy of the layout with this index.

    The metadata of a replica's index tell the index's digest and what was there when it was written. Blobs
    are compared by name and size, so that no blob has to be read.
    """
    index = replica.get(oci.INDEX)
    return (
        index is not None
        and index.metadata.get(_DIGEST) == oci.digest_of(home_index)
        and index.metadata.get(_INVENTORY) == _inventory(_sizes(replica))
    )


def summary(replica: Mapping[str, Listed]) -> dict[str, str]:
    """Return what a listing tells of a replica: how much is there and, once it was complete, of which index."""
    sizes = [listed.size for name, listed in replica.items() if name.startswith(oci.BLOBS)]
    result = {"blobs": str(len(sizes)), "bytes": str(sum(sizes))}
    if oci.INDEX in replica and _DIGEST in replica[oci.INDEX].metadata:
        result[_DIGEST] = replica[oci.INDEX].metadata[_DIGEST]
    return result


async def replicate(home: Container, replica: Container, marks: Mapping[str, bytes], stamp: Mapping[str, str]) -> None:
    """Copy what a replica lacks, for a while; the index comes last and only when nothing is missing.

    Args:
        home: The layout to copy.
        replica: The container to copy it to.
        marks: Further files of the replica.
        stamp: Metadata for the replica's index.

    Raises:
        BackendError: If a region fails, or the home's layout is not what it says of itself. The latter is final
            unless the layout changed meanwhile.
    """
    index = await home.read(oci.INDEX)
    if index is None:
        raise unavailable(home.region, "has no complete container registry yet; it is copied once it is there.")
    for name, content in marks.items():
        await replica.write_new(name, content)
    there = _sizes(await replica.blobs() or {})
    try:
        needed = await _needed(home, index)
        missing = {digest: size for digest, size in needed.items() if there.get(oci.blob_name(digest)) != size}
        if not await _copy(home, replica, missing):
            return
    except oci.LayoutError as error:
        has_changed = await home.read(oci.INDEX) != index
        raise failed(
            f"The container registry in region '{home.region}' cannot be copied: {error}.",
            FailureKind.TRANSIENT if has_changed else FailureKind.BLOCKED,
        ) from error
    there |= {oci.blob_name(digest): size for digest, size in missing.items()}
    await replica.write(oci.INDEX, index, {**stamp, _DIGEST: oci.digest_of(index), _INVENTORY: _inventory(there)})


async def _needed(home: Container, index: bytes) -> dict[str, int]:
    async def read(descriptor: oci.Descriptor) -> bytes:
        chunks = [chunk async for chunk in _verified(home, descriptor.digest, descriptor.size)]
        return b"".join(chunks)

    return await oci.referenced(index, read)


async def _copy(home: Container, replica: Container, missing: Mapping[str, int]) -> bool:
    """Copy blobs until all are there or the time is up; return whether all are there."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + START_BLOBS_FOR_SECONDS
    for digest, size in missing.items():
        if clock() >= deadline:
            return False
        try:
            async with asyncio.timeout(BLOB_SECONDS):
                await _copy_blob(home, replica, digest, size)
        except TimeoutError as error:
            raise failed(
                f"Blob {digest} of {size} bytes could not be copied to region '{replica.region}' within "
                f"{BLOB_SECONDS:.0f} seconds."
            ) from error
    return True


async def _copy_blob(home: Container, replica: Container, digest: str, size: int) -> None:
    """Copy one blob, which does not exist before all its bytes are there and verified."""
    name, count = oci.blob_name(digest), 0
    async for chunk in _verified(home, digest, size):
        await replica.stage(name, count, chunk)
        count += 1
    await replica.commit(name, count)


async def _verified(home: Container, digest: str, size: int) -> AsyncIterator[bytes]:
    """Yield a blob's bytes, and at their end raise `LayoutError` if they are not those that the digest means."""
    found = hashlib.sha256()
    for offset in range(0, size, CHUNK):
        length = min(CHUNK, size - offset)
        chunk = await home.read(oci.blob_name(digest), offset, length)
        if chunk is None:
            raise oci.LayoutError(f"blob {digest} is missing")
        if len(chunk) < length:
            raise oci.LayoutError(f"blob {digest} has {offset + len(chunk)} bytes, not {size}")
        found.update(chunk)
        yield chunk
    if f"sha256:{found.hexdigest()}" != digest:
        raise oci.LayoutError(f"the bytes of blob {digest} do not match its digest")


def _sizes(listing: Mapping[str, Listed]) -> dict[str, int]:
    return {name: listed.size for name, listed in listing.items() if name != oci.INDEX}


def _inventory(sizes: Mapping[str, int]) -> str:
    text = "\n".join(f"{name} {size}" for name, size in sorted(sizes.items()))
    return hashlib.sha256(text.encode()).hexdigest()
