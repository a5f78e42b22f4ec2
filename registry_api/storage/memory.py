"""Twins of the table and the queue that live in memory."""

import asyncio
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

from pydantic import BaseModel

from registry_api.service.ports import Clock, Conflict
from registry_api.storage.messages import encode, whole_seconds
from registry_api.storage.rows import ANY_VERSION, Delete, Insert, Position, Replace, Row, Slice, Upsert, Write, check


class MemoryRows:
    """Rows in memory. Others get their turn during every call, as during one over the network."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row] = {}
        self._versions = count(1)

    async def get(self, partition: str, key: str) -> Row | None:
        """Return a row, or None."""
        await asyncio.sleep(0)
        return self._rows.get((partition, key))

    async def transact(self, partition: str, writes: Sequence[Write]) -> Sequence[str | None]:
        """Do all writes or none, and return each row's new version, None for a removed one."""
        await asyncio.sleep(0)
        check(partition, writes)
        for write in writes:
            self._check(partition, write)
        return [self._write(partition, write) for write in writes]

    async def scan(self, first: str, end: str, key: str, limit: int, start: Position | None) -> Slice:
        """Return rows with one key from a range of partitions, in the order of the partitions."""
        await asyncio.sleep(0)
        partitions = sorted(row.partition for row in self._rows.values() if row.key == key)
        begin = first if start is None else max(first, start.partition)
        found = partitions[bisect_left(partitions, begin) : bisect_left(partitions, end)]
        following = Position(found[limit], key) if len(found) > limit else None
        return Slice([self._rows[partition, key] for partition in found[:limit]], following)

    async def walk(self, limit: int, start: Position | None) -> Slice:
        """Return rows of any key from all partitions, in the order of the partitions and then the keys."""
        await asyncio.sleep(0)
        begin = ("", "") if start is None else (start.partition, start.key or "")
        found = [keys for keys in sorted(self._rows) if keys >= begin]
        following = Position(*found[limit]) if len(found) > limit else None
        return Slice([self._rows[keys] for keys in found[:limit]], following)

    async def find(self, prefix: str, limit: int, start: Position | None) -> Slice:
        """Return rows whose keys begin with a prefix, in the order of the partitions and the keys."""
        await asyncio.sleep(0)
        begin = ("", "") if start is None else (start.partition, start.key or "")
        found = [keys for keys in sorted(self._rows) if keys >= begin and keys[1].startswith(prefix)]
        following = Position(*found[limit]) if len(found) > limit else None
        return Slice([self._rows[keys] for keys in found[:limit]], following)

    async def range(self, partition: str, first: str, end: str, limit: int, start: Position | None) -> Slice:
        """Return rows of one partition from a range of keys, in the order of the keys."""
        await asyncio.sleep(0)
        begin = first if start is None or start.key is None else max(first, start.key)
        found = sorted(row.key for row in self._rows.values() if row.partition == partition and begin <= row.key < end)
        following = Position(partition, found[limit]) if len(found) > limit else None
        return Slice([self._rows[partition, key] for key in found[:limit]], following)

    def _check(self, partition: str, write: Write) -> None:
        row = self._rows.get((partition, write.key))
        match write:
            case Insert():
                fits = row is None
            case Replace() | Delete():
                fits = row is not None and write.version in {row.version, ANY_VERSION}
            case Upsert():
                fits = True
        if not fits:
            raise Conflict(f"Row '{write.key}' is not as it was read.")

    def _write(self, partition: str, write: Write) -> str | None:
        if isinstance(write, Delete):
            del self._rows[partition, write.key]
            return None
        version = str(next(self._versions))
        self._rows[partition, write.key] = Row(partition, write.key, write.text, version)
        return version


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as a receiver gets it. Only with its newest pop receipt can it be deleted."""

    id: str
    body: bytes
    dequeue_count: int
    pop_receipt: str


@dataclass(frozen=True, slots=True)
class _Entry:
    delivery: Delivery
    visible_at: datetime


class MemoryQueue:
    """A queue in memory.

    Args:
        clock: Tells when messages become visible.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._numbers = count(1)

    async def check(self) -> None:
        """Do nothing: memory always answers."""
        await asyncio.sleep(0)

    async def send(self, message: BaseModel, delay: timedelta) -> None:
        """Put a message on the queue, to be seen after a delay of whole seconds."""
        await asyncio.sleep(0)
        self._put(encode(message), delay)

    def _put(self, body: bytes, delay: timedelta) -> None:
        delivery = Delivery(self._number(), body, 0, self._number())
        visible_at = self._clock.now() + timedelta(seconds=whole_seconds(delay))
        self._entries[delivery.id] = _Entry(delivery, visible_at)

    async def receive(self, invisible_for: timedelta) -> Delivery | None:
        """Return the message that has been visible for longest, or None.

        Args:
            invisible_for: How long nobody else gets it. If it is not deleted by then, it comes again.
        """
        await asyncio.sleep(0)
        now = self._clock.now()
        visible = [entry for entry in self._entries.values() if entry.visible_at <= now]
        if not visible:
            return None
        before = min(visible, key=lambda entry: entry.visible_at).delivery
        delivery = replace(before, dequeue_count=before.dequeue_count + 1, pop_receipt=self._number())
        self._entries[delivery.id] = _Entry(delivery, now + invisible_for)
        return delivery

    async def delete(self, delivery: Delivery) -> None:
        """Remove a message for good.

        Raises:
            Conflict: If it was delivered again since, or is gone.
        """
        await asyncio.sleep(0)
        entry = self._entries.get(delivery.id)
        if entry is None or entry.delivery.pop_receipt != delivery.pop_receipt:
            raise Conflict("The message is not as it was received.")
        del self._entries[delivery.id]

    def messages(self) -> Sequence[bytes]:
        """Return what is on the queue, whether it can be seen or not."""
        return [entry.delivery.body for entry in self._entries.values()]

    def _number(self) -> str:
        return str(next(self._numbers))
