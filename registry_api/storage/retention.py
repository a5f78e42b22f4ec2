"""How long each kind of row is kept."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from registry_api.domain.events import Event
from registry_api.domain.operation import Operation
from registry_api.service.ports import Claim, Replay, Revision
from registry_api.storage.records import CLAIM, EVENT, OPERATION, REPLAY, REVISION, UnreadableRowError, parse
from registry_api.storage.rows import Row

KEEP_OPERATIONS = timedelta(days=30)  # after their end
KEEP_REVISIONS = timedelta(days=30)  # of a registry that is gone
KEEP_EVENTS = timedelta(days=400)  # a year, and time to look back on it

_log = logging.getLogger(__name__)


def is_over(row: Row, now: datetime) -> bool:
    """Tell whether a row was kept for long enough, unless its registry needs it. What is of another kind is kept."""
    kept_until = next((until for kind, until in _KEPT_UNTIL.items() if row.key.startswith(kind)), None)
    try:
        until = None if kept_until is None else kept_until(row)
    except UnreadableRowError:
        _log.exception("A row is kept because nobody can tell for how long.")
        return False
    return until is not None and until <= now


def _operation(row: Row) -> datetime | None:
    ended = parse(Operation, row).end_time
    return None if ended is None else ended + KEEP_OPERATIONS


_KEPT_UNTIL: Mapping[str, Callable[[Row], datetime | None]] = {
    OPERATION: _operation,
    EVENT: lambda row: parse(Event, row).time + KEEP_EVENTS,
    REVISION: lambda row: parse(Revision, row).accepted_at + KEEP_REVISIONS,
    REPLAY: lambda row: parse(Replay, row).expires_at,
    CLAIM: lambda row: parse(Claim, row).expires_at,
}
