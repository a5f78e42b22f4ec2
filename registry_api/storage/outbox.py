"""What is yet to be told to subscribers, and how far each was told, as rows beside those of the registry."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from registry_api.domain.delivery import Cursor, Outstanding, Undelivered
from registry_api.domain.events import Event
from registry_api.domain.names import RegistryKey
from registry_api.service.ports import Conflict, Kept, Page
from registry_api.storage.keys import CURSOR, LAST_NUMBER, OUTSTANDING, UNDELIVERED, escape, event_key, partition_of
from registry_api.storage.paging import following, position_in
from registry_api.storage.records import parse
from registry_api.storage.rows import Delete, Insert, Replace, Row, Rows, Upsert, Write, readable

_EVERYWHERE = "every outbox"  # what no other list is called


class RegistryOutbox:
    """The outbox in rows.

    Args:
        rows: Where they are kept.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def read(self, key: RegistryKey, incarnation: str) -> Kept[Outstanding] | None:
        """Return what is yet to be told of a registry, None when everybody was told."""
        row = await self._rows.get(partition_of(key), f"{OUTSTANDING}{escape(incarnation)}")
        return None if row is None else _outstanding(row)

    async def walk(self, limit: int, continuation: str | None) -> Page[Kept[Outstanding]]:
        """Return what is yet to be told. A row that cannot be read is left out, and logged."""
        start = position_in(continuation, _EVERYWHERE)
        found = await self._rows.find(OUTSTANDING, limit, start)
        return Page([*readable(_outstanding, found.rows)], following(found, _EVERYWHERE))

    async def postpone(self, kept: Kept[Outstanding], due: datetime) -> None:
        """Note when to look again whether it was forgotten."""
        record = kept.record.model_copy(update={"due": due})
        await self._rows.transact(*_write(record, Replace(_key(record), record.model_dump_json(), _version(kept))))

    async def settle(self, kept: Kept[Outstanding]) -> None:
        """Note that everybody was told."""
        await self._rows.transact(*_write(kept.record, Delete(_key(kept.record), _version(kept))))

    async def read_events(self, key: RegistryKey, incarnation: str, after: int, through: int) -> Sequence[Event]:
        """Return the events after one, through another, the oldest first, but for what is gone or cannot be read."""
        first, end = event_key(incarnation, through), event_key(incarnation, after)
        found = await self._rows.range(partition_of(key), first, end, through - after, None)
        return [*readable(partial(parse, Event), reversed(found.rows))]

    async def read_cursor(self, key: RegistryKey, incarnation: str, subscriber: str) -> Kept[Cursor] | None:
        """Return how far a subscriber was told of a registry, None when it never was."""
        row = await self._rows.get(partition_of(key), _cursor_key(incarnation, subscriber))
        return None if row is None else Kept(parse(Cursor, row), row.version)

    async def keep_cursor(
        self,
        key: RegistryKey,
        incarnation: str,
        subscriber: str,
        cursor: Kept[Cursor],
        undelivered: Undelivered | None = None,
    ) -> Kept[Cursor]:
        """Note how far a subscriber was told, and in the same transaction what it will never be told of."""
        row, text = _cursor_key(incarnation, subscriber), cursor.record.model_dump_json()
        writes: list[Write] = [Insert(row, text) if cursor.version is None else Replace(row, text, cursor.version)]
        if undelivered is not None:
            writes.append(Upsert(_undelivered_key(undelivered), undelivered.model_dump_json()))
        versions = await self._rows.transact(partition_of(key), writes)
        return Kept(cursor.record, versions[0])


def _outstanding(row: Row) -> Kept[Outstanding]:
    return Kept(parse(Outstanding, row), row.version)


def _key(record: Outstanding) -> str:
    return f"{OUTSTANDING}{escape(record.incarnation)}"


def _write(record: Outstanding, write: Write) -> tuple[str, Sequence[Write]]:
    return partition_of(RegistryKey(record.tenant, record.name)), [write]


def _version(kept: Kept[Outstanding]) -> str:
    if kept.version is None:
        raise Conflict("It was never read.")
    return kept.version


def _cursor_key(incarnation: str, subscriber: str) -> str:
    return f"{CURSOR}{escape(incarnation)}:{escape(subscriber)}"


def _undelivered_key(undelivered: Undelivered) -> str:
    """Return a key by which the newest event of the newest incarnation is the first."""
    event = undelivered.event
    number = f"{LAST_NUMBER - event.sequence:010d}"
    return f"{UNDELIVERED}{escape(event.incarnation)}:{number}:{escape(undelivered.subscriber)}"
