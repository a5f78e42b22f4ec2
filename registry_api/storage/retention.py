"""How long each kind of row is kept, and the removal of what was kept for long enough."""

import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby

from registry_api.domain.delivery import Cursor, Outstanding, Undelivered
from registry_api.domain.events import Event
from registry_api.domain.operation import Operation
from registry_api.domain.registry import Registry
from registry_api.service.ports import Conflict, UnreadableError
from registry_api.service.records import Claim, Replay, Revision
from registry_api.storage.keys import (
    CLAIM,
    CURSOR,
    EVENT,
    OPERATION,
    OUTSTANDING,
    QUARANTINED,
    REGISTRY,
    REPLAY,
    REVISION,
    UNDELIVERED,
    end_of,
    escape,
)
from registry_api.storage.records import Quarantined, parse
from registry_api.storage.rows import Delete, Position, Row, Rows, Slice

KEEP_OPERATIONS = timedelta(days=30)  # after their end
KEEP_REVISIONS = timedelta(days=30)  # after the end of their registry; cursors as well
KEEP_EVENTS = timedelta(days=400)  # a year, and time to look back on it
KEEP_QUARANTINED = timedelta(days=90)
KEEP_OUTSTANDING = timedelta(days=30)  # a month in which nobody could be told

_log = logging.getLogger(__name__)


async def sweep(rows: Rows, limit: int, start: Position | None, now: datetime) -> Slice:
    """Remove what was kept for long enough among up to `limit` rows, and return these."""
    found = await rows.walk(limit, start)
    for partition, group in groupby(found.rows, key=lambda row: row.partition):
        over = [row for row in group if _is_over(row, now)]
        needed = await _needed(rows, partition, {_incarnation_in(row) for row in over} - {None}, now)
        over = [row for row in over if _incarnation_in(row) not in needed]
        if over:
            with suppress(Conflict):  # somebody writes one of them just now; the next walk comes by
                await rows.transact(partition, [Delete(row.key, row.version) for row in over])
    return found


def _incarnation_in(row: Row) -> str | None:
    """Return the incarnation in the key of what its registry needs, as it stands there; None for any other row."""
    kind = next((kind for kind in _NEEDED if row.key.startswith(kind)), None)
    return None if kind is None else row.key.removeprefix(kind).rpartition(":")[0]


async def _needed(rows: Rows, partition: str, incarnations: Collection[str | None], now: datetime) -> set[str]:
    """Return those incarnations of a registry that are there or have not been gone for long."""
    return {one for one in incarnations if one is not None and await _is_remembered(rows, partition, one, now)}


async def _is_remembered(rows: Rows, partition: str, incarnation: str, now: datetime) -> bool:
    registry = await rows.get(partition, REGISTRY)
    begin = f"{EVENT}{incarnation}:"
    try:
        if registry is not None and escape(parse(Registry, registry).incarnation) == incarnation:
            return True
        newest = await rows.range(partition, begin, end_of(begin), 1, None)
        return any(now < parse(Event, row).time + KEEP_REVISIONS for row in newest.rows)
    except UnreadableError:
        _log.exception("Revisions are kept because nobody can tell for how long.")
        return True


def _is_over(row: Row, now: datetime) -> bool:
    """Tell whether a row was kept for long enough, unless its registry needs it. What is of another kind is kept."""
    kept_until = next((until for kind, until in _KEPT_UNTIL.items() if row.key.startswith(kind)), None)
    try:
        until = None if kept_until is None else kept_until(row)
    except UnreadableError:
        _log.exception("A row is kept because nobody can tell for how long.")
        return False
    return until is not None and until <= now


def _operation(row: Row) -> datetime | None:
    ended = parse(Operation, row).end_time
    return None if ended is None else ended + KEEP_OPERATIONS


_NEEDED = (REVISION, CURSOR)
_KEPT_UNTIL: Mapping[str, Callable[[Row], datetime | None]] = {
    OPERATION: _operation,
    EVENT: lambda row: parse(Event, row).time + KEEP_EVENTS,
    REVISION: lambda row: parse(Revision, row).accepted_at + KEEP_REVISIONS,
    CURSOR: lambda row: parse(Cursor, row).written_at + KEEP_REVISIONS,
    OUTSTANDING: lambda row: parse(Outstanding, row).since + KEEP_OUTSTANDING,
    UNDELIVERED: lambda row: parse(Undelivered, row).given_up_at + KEEP_EVENTS,
    REPLAY: lambda row: parse(Replay, row).expires_at,
    CLAIM: lambda row: parse(Claim, row).expires_at,
    QUARANTINED: lambda row: parse(Quarantined, row).time + KEEP_QUARANTINED,
}
