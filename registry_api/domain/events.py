"""What happened to a registry, one record each: who did what, when, and from where. Records are only ever added."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum

from registry_api.domain.caller import Caller
from registry_api.domain.operation import Operation, OperationKind, OperationStatus
from registry_api.domain.origin import Origin
from registry_api.domain.record import Record
from registry_api.domain.registry import DRIFTED, TRUE, Registry
from registry_api.domain.scope import Scope


class EventType(StrEnum):
    """Everything that can happen; a closed vocabulary, part of the contract."""

    REQUEST_ACCEPTED = "RequestAccepted"
    REQUEST_JOINED = "RequestJoined"  # accepted as well, and part of the operation that was under way
    OPERATION_SUCCEEDED = "OperationSucceeded"
    OPERATION_FAILED = "OperationFailed"
    OPERATION_CANCELED = "OperationCanceled"
    DRIFT_FOUND = "DriftFound"


GONE = "Deleted"  # the state of a registry that is not there any more


class Event(Record):
    """One thing that happened. `sequence` counts from 1 without gaps in the life of one registry."""

    incarnation: str
    sequence: int
    registry: str
    scope: Scope  # of the registry
    time: datetime
    type: EventType
    operation: str
    operation_kind: OperationKind
    generation: int
    actor: str
    actor_type: str
    request_id: str | None = None
    address: str | None = None
    message: str | None = None
    state: str | None = None  # of the registry then
    subscribers: tuple[str, ...] = ()  # who is to be told


_ENDS = {
    OperationStatus.SUCCEEDED: EventType.OPERATION_SUCCEEDED,
    OperationStatus.FAILED: EventType.OPERATION_FAILED,
    OperationStatus.CANCELED: EventType.OPERATION_CANCELED,
}


def events_of(
    before: Registry | None,
    after: Registry,
    operations: Sequence[Operation],
    *,
    by: Caller,
    now: datetime,
    origin: Origin,
    is_gone: bool = False,
) -> Iterator[Event]:
    """Yield what happens when one state of a registry takes the place of another.

    Args:
        before: The registry as it was; None if there was none.
        after: The registry as it is to be, or as it was last if it is gone.
        operations: The operations that change with it, in the order in which they began.
        by: Who makes it so.
        now: The time.
        origin: Where the request came from, if it was one.
        is_gone: Whether the registry is not there any more.
    """
    for sequence, (kind, operation, message) in enumerate(_happened(before, after, operations), after.events + 1):
        yield Event(
            incarnation=after.incarnation,
            sequence=sequence,
            registry=after.spec.name,
            scope=after.scope,
            time=now,
            type=kind,
            operation=operation.id,
            operation_kind=operation.kind,
            generation=operation.generation,
            actor=by.name,
            actor_type=by.kind,
            request_id=origin.request_id,
            address=origin.address,
            message=message,
            state=GONE if is_gone else after.state,
        )


def _happened(
    before: Registry | None, after: Registry, operations: Sequence[Operation]
) -> Iterator[tuple[EventType, Operation, str | None]]:
    for operation in operations:
        known = before.operation if before is not None and before.operation.id == operation.id else None
        if known is None:
            yield EventType.REQUEST_ACCEPTED, operation, None
        elif known.generation != operation.generation:
            yield EventType.REQUEST_JOINED, operation, None
        if operation.is_terminal and not (known is not None and known.is_terminal):
            yield _ENDS[operation.status], operation, operation.error.message if operation.error else None
    drift = after.condition(DRIFTED)
    if drift is not None and drift.status == TRUE and drift != (before.condition(DRIFTED) if before else None):
        yield EventType.DRIFT_FOUND, after.operation, drift.message
