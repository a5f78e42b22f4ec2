"""What every commit must say of itself: who did what, how it ended, and why."""

from collections.abc import Iterator

from registry_api.domain.events import GONE, Event, EventType
from registry_api.domain.operation import DEADLINE, Operation, OperationStatus
from registry_api.domain.problems import Code
from registry_api.domain.registry import DRIFTED, TRUE, Registry
from tests.simulation.journal import Entry

_ENDS = {
    OperationStatus.SUCCEEDED: EventType.OPERATION_SUCCEEDED,
    OperationStatus.FAILED: EventType.OPERATION_FAILED,
    OperationStatus.CANCELED: EventType.OPERATION_CANCELED,
}
_CANCELED = (Code.OPERATION_CANCELED, Code.SUPERSEDED_BY_NEWER_REQUEST)
_SERVICE = "registry-api"


def broken_records(entry: Entry) -> Iterator[str]:
    """Yield what a commit says wrongly of what happened."""
    yield from _of_events(entry)
    for operation in entry.commit.operations:
        if operation.is_terminal and _newly(entry, operation):
            yield from _of_end(entry, operation)


def _newly(entry: Entry, operation: Operation) -> bool:
    """Tell whether an operation ends with this commit."""
    known = entry.before.operation if entry.before is not None else None
    return known is None or known.id != operation.id or not known.is_terminal


def _of_events(entry: Entry) -> Iterator[str]:
    expected, events = [*_expected(entry)], entry.commit.events
    told = [(event.type, event.operation, event.message) for event in events]
    if told != expected:
        yield f"what is told is {told}, what happened is {expected}"
    first = (entry.before.events if _is_same(entry) and entry.before is not None else 0) + 1
    if [event.sequence for event in events] != list(range(first, first + len(events))):
        yield f"events are numbered {[event.sequence for event in events]} after {first - 1}"
    for event in events:
        yield from _of_event(entry, event)


def _expected(entry: Entry) -> Iterator[tuple[EventType, str, str | None]]:
    before, after = entry.before, entry.after
    for operation in entry.commit.operations:
        if before is None or before.operation.id != operation.id:
            yield EventType.REQUEST_ACCEPTED, operation.id, None
        elif entry.commit.revision is not None and entry.after is not None and operation == entry.after.operation:
            yield EventType.REQUEST_JOINED, operation.id, None
        if operation.is_terminal and _newly(entry, operation):
            yield _ENDS[operation.status], operation.id, operation.error.message if operation.error else None
    drift = after.condition(DRIFTED) if after is not None else None
    is_new = drift is not None and (before is None or before.condition(DRIFTED) != drift)
    if after is not None and drift is not None and drift.status == TRUE and is_new:
        yield EventType.DRIFT_FOUND, after.operation.id, drift.message


def _of_event(entry: Entry, event: Event) -> Iterator[str]:
    actor = entry.by.caller.name if entry.by.caller is not None else _SERVICE
    if event.actor != actor:
        yield f"'{event.actor}' is said to have done what '{actor}' did"
    origin = entry.by.name if entry.by.caller is not None else None
    if event.request_id != origin:
        yield f"request '{event.request_id}' is said to have done what '{origin}' did"
    state = entry.after.state if entry.after is not None else GONE
    if event.state != state:
        yield f"event {event.sequence} says {event.state}, and it is {state}"


def _of_end(entry: Entry, operation: Operation) -> Iterator[str]:
    if operation.status is OperationStatus.SUCCEEDED:
        if (operation.percent_complete, operation.error) != (100, None):
            yield f"operation '{operation.id}' succeeds at {operation.percent_complete} %, with {operation.error}"
        if entry.after is None and any(step.state is not None for step in operation.steps):
            yield f"operation '{operation.id}' has removed everything, and says {operation.steps}"
        return
    code, message = (operation.error.code, operation.error.message) if operation.error else (None, "")
    if (operation.status is OperationStatus.CANCELED) != (code in _CANCELED):
        yield f"operation '{operation.id}' ends {operation.status} for {code}"
    for piece in _pieces(entry, code):
        if piece not in message:
            yield f"operation '{operation.id}' ends for {code}, and does not say '{piece}': {message}"
    is_own = code == Code.OPERATION_CANCELED
    if is_own and (entry.by.caller is None or operation.id not in entry.by.cancels):
        yield f"operation '{operation.id}' is canceled, and nobody asked for it"


def _pieces(entry: Entry, code: str | None) -> Iterator[str]:
    """Yield what the cause of an end has to tell."""
    before, after = entry.before, entry.after
    match code:
        case Code.OPERATION_CANCELED:
            yield f"Canceled by {entry.by.caller.name if entry.by.caller else '?'}."
        case Code.SUPERSEDED_BY_NEWER_REQUEST if after is not None:
            yield f"'{after.operation.id}'"
        case Code.OPERATION_TIMED_OUT if before is not None:
            yield f"did not end within {DEADLINE}"
            yield _last_problem(before) or _silence(before)
        case Code.OPERATION_POISONED if before is not None:
            yield "The work failed too often"
            yield before.visit.broken_by or "No cause could be noted"


def _last_problem(registry: Registry) -> str | None:
    if registry.visit.broken_by:
        return registry.visit.broken_by
    met = next((resource.failure for resource in registry.resources if resource.failure), registry.operation.trouble)
    return met.message if met is not None else None


def _silence(registry: Registry) -> str:
    """Return what is said of an operation that nothing was in the way of: whether a worker ever came."""
    has_begun = registry.leased_for == registry.serial
    return "No problem was reported." if has_begun else "No worker has begun with it"


def _is_same(entry: Entry) -> bool:
    """Tell whether the registry that the events are of was there before."""
    before, after = entry.before, entry.after
    return before is not None and (after is None or after.incarnation == before.incarnation)
