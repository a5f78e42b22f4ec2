"""Registries, operations and revisions as rows: the one place that knows their keys.

All rows of a registry share a partition, so that one transaction changes them together. The partitions of a
tenant are a range from `tenant:` up to `tenant;`, the character after the colon.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Self, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from registry_api.domain.operation import Operation
from registry_api.domain.registry import Registry, RegistryKey
from registry_api.domain.spec import STORED
from registry_api.service.ports import Commit, Page, Revision, Stored
from registry_api.storage.rows import Delete, Insert, Position, Replace, Row, Rows, Upsert, Write

_REGISTRY = "registry"
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

    async def list(self, tenant: str, limit: int, continuation: str | None) -> Page:
        """Return up to `limit` registries of a tenant."""
        start = None if continuation is None else _Continuation.decode(continuation, tenant).position
        first, end = (_escape(tenant) + delimiter for delimiter in ":;")
        found = await self._rows.scan(first, end, _REGISTRY, limit, start)
        registries = [_parse(Registry, row) for row in found.rows]
        return Page(registries, found.next and _Continuation(tenant=tenant, position=found.next).encode())

    async def commit(self, commit: Commit) -> str | None:
        """Change everything or nothing; return the registry's new version, None when it is gone."""
        writes: list[Write] = [_registry_write(commit)]
        writes += (Upsert(_operation_key(operation.id), operation.model_dump_json()) for operation in commit.operations)
        if commit.revision is not None:
            writes.append(Insert(_revision_key(commit.revision), commit.revision.model_dump_json()))
        versions = await self._rows.transact(_partition(commit.key), writes)
        return versions[0]


class _Continuation(BaseModel):
    """Where the next page of a tenant begins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: str
    position: Position

    @classmethod
    def decode(cls, text: str, tenant: str) -> Self:
        try:
            padding = "=" * (-len(text) % 4)
            continuation = cls.model_validate_json(urlsafe_b64decode(text + padding))
        except ValueError as error:
            raise ValueError("The continuation is none that a list has given.") from error
        if continuation.tenant != tenant:
            raise ValueError("The continuation was given to another tenant.")
        return continuation

    def encode(self) -> str:
        return urlsafe_b64encode(self.model_dump_json().encode()).decode().rstrip("=")


def _escape(text: str) -> str:
    """Return a text without the characters that keys may not hold, or that delimit their parts."""
    return quote(text, safe="").replace("%", "=")


def _partition(key: RegistryKey) -> str:
    return f"{_escape(key.tenant)}:{_escape(key.name)}"


def _operation_key(operation_id: str) -> str:
    return f"op:{_escape(operation_id)}"


def _revision_key(revision: Revision) -> str:
    """Return a key by which the newest revision is the first."""
    return f"rev:{_escape(revision.incarnation)}:{_LAST_GENERATION - revision.generation:010d}"


def _registry_write(commit: Commit) -> Write:
    match commit:
        case Commit(registry=Registry() as registry, replaces=None):
            return Insert(_REGISTRY, registry.model_dump_json())
        case Commit(registry=Registry() as registry, replaces=str(version)):
            return Replace(_REGISTRY, registry.model_dump_json(), version)
        case Commit(registry=None, replaces=str(version)):
            return Delete(_REGISTRY, version)
    raise ValueError("A commit that removes a registry says which version of it.")


def _parse(model: type[_Record], row: Row) -> _Record:
    try:
        return model.model_validate_json(row.text, context=STORED)
    except ValidationError as error:
        raise UnreadableRowError(f"Row '{row.key}' of '{row.partition}' is no {model.__name__}.") from error
