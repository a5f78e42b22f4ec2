"""Registries, operations and revisions as rows: the one place that knows their keys.

All rows of a registry share a partition, so that one transaction changes them together. The partitions of a
tenant are a range from `tenant:` up to `tenant;`, the character after the colon.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from registry_api.domain.operation import Operation
from registry_api.domain.registry import Registry, RegistryKey
from registry_api.domain.spec import STORED
from registry_api.service.ports import Claim, Commit, Conflict, Page, Replay, Revision, Stored
from registry_api.storage.rows import Delete, Insert, Position, Replace, Row, Rows, Slice, Upsert, Write

_REGISTRY = "registry"
_OPERATION = "op:"
_REVISION = "rev:"
_REPLAY = "idem:"
_CLAIM = "claim"
# Claims of idempotency keys have partitions of their own, outside of every tenant's range: a key is the caller's,
# whichever registry it is used for.
_CLAIMS = "=idem"
_CLAIM_ATTEMPTS = 5
_LAST_GENERATION = 9_999_999_999

_Record = TypeVar("_Record", bound=BaseModel)


class UnreadableRowError(Exception):
    """A row does not hold what its key says. It is not a `ValueError`: no caller asked for it wrongly."""


class RegistryStore:
    """Registries and operations in rows.

    Args:
        rows: Where they are kept.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def read(self, key: RegistryKey) -> Stored | None:
        """Return a registry, or None."""
        row = await self._rows.get(_partition(key), _REGISTRY)
        return None if row is None else Stored(_parse(Registry, row), row.version)

    async def read_operation(self, key: RegistryKey, operation_id: str) -> Operation | None:
        """Return an operation, also of a registry that is gone, or None."""
        row = await self._rows.get(_partition(key), _operation_key(operation_id))
        return None if row is None else _parse(Operation, row)

    async def list(self, tenant: str, limit: int, continuation: str | None) -> Page[Registry]:
        """Return up to `limit` registries of a tenant, in the order of their keys."""
        first, end = (_escape(tenant) + delimiter for delimiter in ":;")
        start = _Continuation.decode(continuation, f"{tenant}:")
        return _page(Registry, await self._rows.scan(first, end, _REGISTRY, limit, start), f"{tenant}:")

    async def list_operations(self, key: RegistryKey, limit: int, continuation: str | None) -> Page[Operation]:
        """Return up to `limit` operations of a registry, the newest first: that is the order of their ids."""
        return await self._list(Operation, key, _OPERATION, limit, continuation)

    async def list_revisions(
        self, key: RegistryKey, incarnation: str, limit: int, continuation: str | None
    ) -> Page[Revision]:
        """Return up to `limit` revisions of a registry, the newest first."""
        return await self._list(Revision, key, f"{_REVISION}{_escape(incarnation)}:", limit, continuation)

    async def claim(self, tenant: str, idempotency_key: str, claim: Claim, now: datetime) -> Claim:
        """Note what an idempotency key is used for, and return what it was used for first, unless that has expired."""
        partition = _claim_partition(tenant, idempotency_key)
        for _ in range(_CLAIM_ATTEMPTS):
            row = await self._rows.get(partition, _CLAIM)
            if (first := _valid_claim(row, now)) is not None:
                return first
            text = claim.model_dump_json()
            write = Insert(_CLAIM, text) if row is None else Replace(_CLAIM, text, row.version)
            with suppress(Conflict):
                await self._rows.transact(partition, [write])
                return claim
        raise Conflict("Others claim the same idempotency key again and again.")

    async def read_claim(self, tenant: str, idempotency_key: str, now: datetime) -> Claim | None:
        """Return what an idempotency key was used for first, or None if it is free or that has expired."""
        return _valid_claim(await self._rows.get(_claim_partition(tenant, idempotency_key), _CLAIM), now)

    async def read_replay(self, key: RegistryKey, idempotency_key: str) -> Replay | None:
        """Return what a request with an idempotency key led to, or None."""
        row = await self._rows.get(_partition(key), _replay_key(idempotency_key))
        return None if row is None else _parse(Replay, row)

    async def commit(self, commit: Commit) -> str | None:
        """Change everything or nothing; return the registry's new version, None when it is gone."""
        writes: list[Write] = [_registry_write(commit)]
        writes += (Upsert(_operation_key(operation.id), operation.model_dump_json()) for operation in commit.operations)
        if commit.revision is not None:
            writes.append(Insert(_revision_key(commit.revision), commit.revision.model_dump_json()))
        if commit.replay is not None:
            writes.append(Upsert(_replay_key(commit.replay.idempotency_key), commit.replay.model_dump_json()))
        versions = await self._rows.transact(_partition(commit.key), writes)
        return versions[0]

    async def _list(
        self, model: type[_Record], key: RegistryKey, prefix: str, limit: int, continuation: str | None
    ) -> Page[_Record]:
        """List the rows of a registry whose keys begin with a prefix that ends in a colon."""
        scope = f"{_partition(key)}/{prefix}"
        start = _Continuation.decode(continuation, scope)
        end = prefix.removesuffix(":") + ";"
        return _page(model, await self._rows.range(_partition(key), prefix, end, limit, start), scope)


class _Continuation(BaseModel):
    """Where the next page of a list begins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scope: str  # what is listed
    position: Position

    @classmethod
    def decode(cls, text: str | None, scope: str) -> Position | None:
        if text is None:
            return None
        try:
            padding = "=" * (-len(text) % 4)
            continuation = cls.model_validate_json(urlsafe_b64decode(text + padding))
        except ValueError as error:
            raise ValueError("The continuation is none that a list has given.") from error
        if continuation.scope != scope:
            raise ValueError("The continuation was given for another list.")
        return continuation.position

    def encode(self) -> str:
        return urlsafe_b64encode(self.model_dump_json().encode()).decode().rstrip("=")


def _escape(text: str) -> str:
    """Return a text without the characters that keys may not hold, or that delimit their parts."""
    return quote(text, safe="").replace("%", "=")


def _partition(key: RegistryKey) -> str:
    return f"{_escape(key.tenant)}:{_escape(key.name)}"


def _claim_partition(tenant: str, idempotency_key: str) -> str:
    return f"{_CLAIMS}:{_escape(tenant)}:{_escape(idempotency_key)}"


def _valid_claim(row: Row | None, now: datetime) -> Claim | None:
    claim = None if row is None else _parse(Claim, row)
    return claim if claim is not None and now < claim.expires_at else None


def _operation_key(operation_id: str) -> str:
    return f"{_OPERATION}{_escape(operation_id)}"


def _replay_key(idempotency_key: str) -> str:
    return f"{_REPLAY}{_escape(idempotency_key)}"


def _revision_key(revision: Revision) -> str:
    """Return a key by which the newest revision is the first."""
    return f"{_REVISION}{_escape(revision.incarnation)}:{_LAST_GENERATION - revision.generation:010d}"


def _registry_write(commit: Commit) -> Write:
    match commit:
        case Commit(registry=Registry() as registry, replaces=None):
            return Insert(_REGISTRY, registry.model_dump_json())
        case Commit(registry=Registry() as registry, replaces=str(version)):
            return Replace(_REGISTRY, registry.model_dump_json(), version)
        case Commit(registry=None, replaces=str(version)):
            return Delete(_REGISTRY, version)
    raise ValueError("A commit that removes a registry says which version of it.")


def _page(model: type[_Record], found: Slice, scope: str) -> Page[_Record]:
    following = _Continuation(scope=scope, position=found.next).encode() if found.next else None
    return Page([_parse(model, row) for row in found.rows], following)


def _parse(model: type[_Record], row: Row) -> _Record:
    try:
        return model.model_validate_json(row.text, context=STORED)
    except ValidationError as error:
        raise UnreadableRowError(f"Row '{row.key}' of '{row.partition}' is no {model.__name__}.") from error
