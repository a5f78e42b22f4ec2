"""A blob container of one region. Whatever goes wrong with it comes out as a `BackendError` for people to read."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import NamedTuple

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobBlock, StorageErrorCode
from azure.storage.blob.aio import ContainerClient

from registry_api.domain.problems import Code
from registry_api.domain.resources import Failure, FailureKind
from registry_api.provisioning.accounts import account_of
from registry_api.retry_after import rest_of
from registry_api.service.backend import BackendError

CALL_SECONDS = 10.0

_BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_FORBIDDEN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class BeingDeletedError(BackendError):
    """The container is on its way out; Azure takes up to a minute to forget it."""


class Listed(NamedTuple):
    """What a listing tells of a blob."""

    size: int
    metadata: Mapping[str, str]


def unavailable(region: str, what_happened: str, retry_after: timedelta | None = None) -> BackendError:
    """Return the error of a region that may well answer later, perhaps not before it has been left alone."""
    return BackendError(
        Failure(
            code=Code.REGION_UNAVAILABLE,
            message=f"Region '{region}' {what_happened}",
            kind=FailureKind.TRANSIENT if retry_after is None else FailureKind.THROTTLED,
            retry_after=retry_after,
        )
    )


def failed(message: str, kind: FailureKind = FailureKind.TRANSIENT) -> BackendError:
    """Return the error of a region that answers, but not as it should."""
    return BackendError(Failure(code=Code.PROVISIONING_FAILED, message=message, kind=kind))


class Container:
    """A blob container of one region. Each method is one or two calls, bounded in time.

    Every method raises `BackendError` when the region does not answer, or answers that it cannot.

    Args:
        region: The region's name.
        client: The container's client.
    """

    def __init__(self, region: str, client: ContainerClient) -> None:
        self.region = region
        self._client = client

    @property
    def name(self) -> str:
        """Return the container's name."""
        return self._client.container_name

    @property
    def url(self) -> str:
        """Return the container's address."""
        return self._client.url

    async def metadata(self) -> dict[str, str] | None:
        """Return the container's metadata, or None when there is no such container."""
        async with self._call():
            try:
                return (await self._client.get_container_properties()).metadata
            except ResourceNotFoundError as error:
                if _code(error) != StorageErrorCode.CONTAINER_NOT_FOUND:
                    raise
                return None

    async def create(self, metadata: Mapping[str, str]) -> bool:
        """Create the container; return whether it was not there before."""
        async with self._call():
            try:
                await self._client.create_container(metadata=dict(metadata))
            except ResourceExistsError as error:
                if _code(error) != StorageErrorCode.CONTAINER_ALREADY_EXISTS:
                    raise
                return False
            return True

    async def delete(self) -> None:
        """Delete the container, if it is there, with everything in it."""
        async with self._call():
            try:
                await self._client.delete_container()
            except ResourceNotFoundError as error:
                if _code(error) != StorageErrorCode.CONTAINER_NOT_FOUND:
                    raise

    async def blobs(self) -> dict[str, Listed] | None:
        """Return the container's blobs by name, or None when there is no such container."""
        async with self._call():
            try:
                return {
                    blob.name: Listed(blob.size, blob.metadata or {})
                    async for blob in self._client.list_blobs(include=["metadata"])
                }
            except ResourceNotFoundError as error:
                if _code(error) != StorageErrorCode.CONTAINER_NOT_FOUND:
                    raise
                return None

    async def read(self, name: str, offset: int | None = None, length: int | None = None) -> bytes | None:
        """Return a blob's bytes from an offset, at most `length` of them; None when there is no such blob."""
        async with self._call():
            try:
                download = await self._client.download_blob(name, offset, length)
                return await download.readall()
            except ResourceNotFoundError as error:
                if _code(error) not in {
                    StorageErrorCode.BLOB_NOT_FOUND,
                    StorageErrorCode.CONTAINER_NOT_FOUND,
                }:
                    raise
                return None
            except HttpResponseError as error:
                if error.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    raise
                return b""

    async def write(self, name: str, content: bytes, metadata: Mapping[str, str]) -> None:
        """Write a blob, whatever was there before."""
        async with self._call():
            await self._client.upload_blob(name, content, overwrite=True, metadata=dict(metadata))

    async def write_new(self, name: str, content: bytes) -> None:
        """Write a blob unless there is one of that name."""
        async with self._call():
            try:
                await self._client.upload_blob(name, content)
            except ResourceExistsError as error:
                if _code(error) != StorageErrorCode.BLOB_ALREADY_EXISTS:
                    raise

    async def stage(self, name: str, number: int, content: bytes) -> None:
        """Bring a part of a blob, which nobody sees before `commit`."""
        async with self._call():
            await self._client.get_blob_client(name).stage_block(_block(number), content)

    async def commit(self, name: str, count: int) -> None:
        """Make a blob of the first `count` parts that were brought."""
        async with self._call():
            parts = [BlobBlock(_block(number)) for number in range(count)]
            await self._client.get_blob_client(name).commit_block_list(parts)

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        """Bound a call in time and say what its failure means."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                yield
        except TimeoutError as error:
            raise unavailable(self.region, f"did not answer within {CALL_SECONDS:.0f} seconds.") from error
        except (ClientAuthenticationError, HttpResponseError) as error:
            raise self._meaning(error) from error
        except AzureError as error:
            raise unavailable(self.region, "cannot be reached. Is Azurite running?") from error

    def _meaning(self, error: HttpResponseError) -> BackendError:
        code, status = _code(error), error.status_code
        if code == StorageErrorCode.CONTAINER_BEING_DELETED:
            return BeingDeletedError(
                Failure(
                    code=Code.PROVISIONING_FAILED,
                    message=f"The container '{self.name}' in region '{self.region}' is still being deleted.",
                )
            )
        if code == StorageErrorCode.RESOURCE_NOT_FOUND:
            return failed(
                f"Azurite has no account '{account_of(self.region)}' for region '{self.region}'. Start it with the "
                f"accounts of all regions: AZURITE_ACCOUNTS='{account_of(self.region)}:<key>;...'.",
                FailureKind.BLOCKED,
            )
        if status in _FORBIDDEN or isinstance(error, ClientAuthenticationError):
            return failed(
                f"Azurite refuses the key of account '{account_of(self.region)}' for region '{self.region}'. Set "
                "REGISTRY_LOCAL_ACCOUNT_KEY to the key that it was started with.",
                FailureKind.BLOCKED,
            )
        if status is None or status < HTTPStatus.BAD_REQUEST:
            return unavailable(self.region, "broke off its answer.")
        if status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return unavailable(self.region, f"answers that it cannot serve now (HTTP {status}).", _retry_after(error))
        return failed(
            f"Region '{self.region}' answered HTTP {status} {code or ''}".rstrip()
            + f" for the container '{self.name}'."
        )


def _code(error: HttpResponseError) -> str | None:
    """Return the storage service's own code of an error; it is not always what the SDK's exception is."""
    code = getattr(error, "error_code", None)
    return code.value if isinstance(code, StorageErrorCode) else code


def _retry_after(error: HttpResponseError) -> timedelta | None:
    given = getattr(error.response, "headers", {}).get("retry-after", "")
    return rest_of(str(given), datetime.now(UTC))


def _block(number: int) -> str:
    return f"{number:08}"
