"""Registries, operations, revisions and events as rows."""

import logging
from contextlib import suppress
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import TypeVar

from pydantic import BaseModel

from registry_api.domain.delivery import Undelivered
from registry_api.domain.events import Event
from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import Operation
from registry_api.domain.registry import Registry
from registry_api.service.ports import Conflict, Page, UnreadableError
from registry_api.service.records import Claim, Commit, Progress, Replay, Revision, Stored
from registry_api.service.views import View
from registry_api.storage.keys import (
    CLAIM,
    EVENT,
    FIRST_PARTITION,
    LAST_NUMBER,
    LAST_PARTITION,
    OPERATION,
    OUTSTANDING,
    QUARANTINED,
    REGISTRY,
    REPLAY,
    REVISION,
    UNDELIVERED,
    VIEW,
    end_of,
    escape,
    event_key,
    partition_of,
    partitions_of,
)
from registry_api.storage.paging import following, position_in
from registry_api.storage.records import Quarantined, page_of, parse
from registry_api.storage.retention import sweep
from registry_api.storage.rows import ANY_VERSION, Delete, Insert, Replace, Row, Rows, Upsert, Write, readable

# Claims of idempotency keys have partitions of their own, outside of every tenant's range: a key is the caller's,
# whichever registry it is used for.
_CLAIMS = "=idem"
_CLAIM_ATTEMPTS = 5
_RESYNC, _PROGRESS = "=resync", "progress"
_QUARANTINE = "=quarantine"
_EVERYWHERE, _EVERY_ROW = "every registry", "every row"  # what no tenant's list is called

_log = logging.getLogger(__name__)

_Record = TypeVar("_Record", bound=BaseModel)


class RegistryStore:
    """Registries and operations in rows.

    Args:
        rows: Where they are kept.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def read(self, key: RegistryKey) -> Stored | None:
        """Return a registry, or None."""
        row = await self._rows.get(partition_of(key), REGISTRY)
        return None if row is None else _stored_in(row)

    async def read_operation(self, key: RegistryKey, operation_id: str) -> Operation | None:
        """Return an operation, also of a registry that is gone, or None."""
        row = await self._rows.get(partition_of(key), _operation_key(operation_id))
        return None if row is None else parse(Operation, row)

    async def list(self, tenant: str, limit: int, continuation: str | None) -> Page[Registry]:
        """Return up to `limit` registries of a tenant, in the order of their keys."""
        scope = f"{tenant}:{REGISTRY}"
        start = position_in(continuation, scope)
        found = await self._rows.scan(*partitions_of(tenant), REGISTRY, limit, start)
        return Page([one.registry for one in readable(_stored_in, found.rows)], following(found, scope))

    async def list_operations(self, key: RegistryKey, limit: int, continuation: str | None) -> Page[Operation]:
        """Return up to `limit` operations of a registry, the newest first: that is the order of their ids."""
        return await self._list(Operation, key, OPERATION, limit, continuation)

    async def list_revisions(
        self, key: RegistryKey, incarnation: str, limit: int, continuation: str | None
    ) -> Page[Revision]:
        """Return up to `limit` revisions of a registry, the newest first."""
        return await self._list(Revision, key, f"{REVISION}{escape(incarnation)}:", limit, continuation)

    async def list_events(self, key: RegistryKey, limit: int, continuation: str | None) -> Page[Event]:
        """Return up to `limit` events of a name, the newest first: that is the order of incarnations as well."""
        return await self._list(Event, key, EVENT, limit, continuation)

    async def list_undelivered(self, key: RegistryKey, limit: int, continuation: str | None) -> Page[Undelivered]:
        """Return up to `limit` events of a name that subscribers were not told of, the newest first."""
        return await self._list(Undelivered, key, UNDELIVERED, limit, continuation)

    async def walk(self, limit: int, continuation: str | None) -> Page[Stored]:
        """Return up to `limit` registries of all tenants. A row that cannot be read is left out, and logged."""
        start = position_in(continuation, _EVERYWHERE)
        found = await self._rows.scan(FIRST_PARTITION, LAST_PARTITION, REGISTRY, limit, start)
        return Page([*readable(_stored_in, found.rows)], following(found, _EVERYWHERE))

    async def sweep(self, limit: int, continuation: str | None, now: datetime) -> str | None:
        """Remove what was kept for long enough among the next `limit` rows; return where to go on, None at the end."""
        found = await sweep(self._rows, limit, position_in(continuation, _EVERY_ROW), now)
        return following(found, _EVERY_ROW)

    async def read_progress(self) -> Progress:
        """Return how far the resync has come; it begins anew where nobody can tell."""
        row = await self._rows.get(_RESYNC, _PROGRESS)
        return next(readable(partial(parse, Progress), [row] if row is not None else ()), Progress())

    async def keep_progress(self, progress: Progress) -> None:
        """Note how far the resync has come."""
        await self._rows.transact(_RESYNC, [Upsert(_PROGRESS, progress.model_dump_json())])

    async def quarantine(self, message_id: str, content: bytes, now: datetime) -> None:
        """Keep a message that cannot be read, for somebody to look at."""
        kept = Quarantined(time=now, size=len(content), sha256=sha256(content).hexdigest(), content=content)
        await self._rows.transact(_QUARANTINE, [Upsert(f"{QUARANTINED}{escape(message_id)}", kept.model_dump_json())])

    async def claim(self, tenant: str, idempotency_key: str, claim: Claim, now: datetime) -> Claim:
        """Note what an idempotency key is used for, and return what it was used for first, unless that has expired."""
        partition = _claim_partition(tenant, idempotency_key)
        for _ in range(_CLAIM_ATTEMPTS):
            row = await self._rows.get(partition, CLAIM)
            if (first := _valid_claim(row, now)) is not None:
                return first
            text = claim.model_dump_json()
            write = Insert(CLAIM, text) if row is None else Replace(CLAIM, text, row.version)
            with suppress(Conflict):
                await self._rows.transact(partition, [write])
                return claim
        raise Conflict("Others claim the same idempotency key again and again.")

    async def read_claim(self, tenant: str, idempotency_key: str, now: datetime) -> Claim | None:
        """Return what an idempotency key was used for first, or None if it is free or that has expired."""
        return _valid_claim(await self._rows.get(_claim_partition(tenant, idempotency_key), CLAIM), now)

    async def read_replay(self, key: RegistryKey, idempotency_key: str) -> Replay | None:
        """Return what a request with an idempotency key led to, or None."""
        row = await self._rows.get(partition_of(key), _replay_key(idempotency_key))
        return None if row is None else parse(Replay, row)

    async def keep(self, key: RegistryKey, replay: Replay) -> None:
        """Keep what a request with an idempotency key led to, if it changed nothing."""
        await self._rows.transact(partition_of(key), [_replay_write(replay)])

    async def commit(self, commit: Commit) -> str | None:
        """Change everything or nothing; return the registry's new version, None when it is gone."""
        writes: list[Write] = [_registry_write(commit), _view_write(commit.view)]
        writes += (Upsert(_operation_key(operation.id), operation.model_dump_json()) for operation in commit.operations)
        for event in commit.events:
            writes.append(Insert(event_key(event.incarnation, event.sequence), event.model_dump_json()))
        if commit.outstanding is not None:
            key = f"{OUTSTANDING}{escape(commit.outstanding.incarnation)}"
            writes.append(Upsert(key, commit.outstanding.model_dump_json()))
        if commit.revision is not None:
            writes.append(Insert(_revision_key(commit.revision), commit.revision.model_dump_json()))
        if commit.replay is not None:
            writes.append(_replay_write(commit.replay))
        versions = await self._rows.transact(partition_of(commit.key), writes)
        return versions[0]

    async def _list(
        self, model: type[_Record], key: RegistryKey, prefix: str, limit: int, continuation: str | None
    ) -> Page[_Record]:
        """List the rows of a registry whose keys begin with a prefix that ends in a colon."""
        scope = f"{partition_of(key)}/{prefix}"
        start = position_in(continuation, scope)
        found = await self._rows.range(partition_of(key), prefix, end_of(prefix), limit, start)
        return page_of(model, found, scope)


def _stored_in(row: Row) -> Stored:
    registry = parse(Registry, row)
    if partition_of(registry.key) != row.partition:
        raise UnreadableError(f"Row '{row.key}' of '{row.partition}' is of another registry.")
    return Stored(registry, row.version)


def _claim_partition(tenant: str, idempotency_key: str) -> str:
    return f"{_CLAIMS}:{escape(tenant)}:{escape(idempotency_key)}"


def _valid_claim(row: Row | None, now: datetime) -> Claim | None:
    claim = None if row is None else parse(Claim, row)
    return claim if claim is not None and now < claim.expires_at else None


def _operation_key(operation_id: str) -> str:
    return f"{OPERATION}{escape(operation_id)}"


def _replay_key(idempotency_key: str) -> str:
    return f"{REPLAY}{escape(idempotency_key)}"


def _replay_write(replay: Replay) -> Write:
    """Return a write that fails if it comes second: what was told first is what is told again."""
    return Insert(_replay_key(replay.idempotency_key), replay.model_dump_json())


def _revision_key(revision: Revision) -> str:
    """Return a key by which the newest revision is the first."""
    return f"{REVISION}{escape(revision.incarnation)}:{LAST_NUMBER - revision.generation:010d}"


def _registry_write(commit: Commit) -> Write:
    match commit:
        case Commit(registry=Registry() as registry, replaces=None):
            return Insert(REGISTRY, registry.model_dump_json())
        case Commit(registry=Registry() as registry, replaces=str(version)):
            return Replace(REGISTRY, registry.model_dump_json(), version)
        case Commit(registry=None, replaces=str(version)):
            return Delete(REGISTRY, version)
    raise ValueError("A commit that removes a registry says which version of it.")


def _view_write(view: View | None) -> Write:
    return Delete(VIEW, ANY_VERSION) if view is None else Upsert(VIEW, view)
