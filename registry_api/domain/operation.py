"""An operation: what a caller may follow while a change becomes true."""

import re
from datetime import datetime, timedelta
from enum import StrEnum

from registry_api.domain import names
from registry_api.domain.record import Record
from registry_api.domain.resources import Failure, ResourceState
from registry_api.domain.scope import Scope

DEADLINE = timedelta(hours=1)

_ID = re.compile(rf"{names.PATTERN.pattern}\.[0-9a-f]{{1,32}}")


def is_operation_id(text: str) -> bool:
    """Tell whether this can be an operation's id: `{registry key}.{hex digits}`."""
    return _ID.fullmatch(text) is not None


def registry_key_in(operation_id: str) -> str:
    """Return the key of the registry that an operation id belongs to."""
    return operation_id.partition(".")[0]


class OperationKind(StrEnum):
    """What was asked for."""

    CREATE = "Create"
    UPDATE = "Update"
    DELETE = "Delete"
    RECONCILE = "Reconcile"


class OperationStatus(StrEnum):
    """How far it is; the last three are terminal."""

    NOT_STARTED = "NotStarted"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


class Step(Record):
    """The part of an operation that concerns one region."""

    location: str
    state: ResourceState | None  # None once the region is gone
    message: str | None = None


class Operation(Record):
    """One accepted change on its way. It stays readable after its registry is gone."""

    id: str
    kind: OperationKind
    registry: str
    scope: Scope  # of the registry
    generation: int
    status: OperationStatus = OperationStatus.NOT_STARTED
    percent_complete: int = 0
    steps: tuple[Step, ...] = ()
    start_time: datetime
    end_time: datetime | None = None
    error: Failure | None = None
    trouble: Failure | None = None  # what was met last on the way, and may have passed since
    requested_by: str
    traceparent: str | None = None

    def is_overdue(self, now: datetime) -> bool:
        """Tell whether it has had its time and has not ended."""
        return not self.is_terminal and now - self.start_time >= DEADLINE

    @property
    def is_terminal(self) -> bool:
        """Tell whether nothing will change any more."""
        return self.end_time is not None
