"""What there is: resources, what is happening to them, and the names that nobody else can have."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

STORAGE = "Microsoft.Storage/storageAccounts"
CONTAINER = "Microsoft.Storage/storageAccounts/blobServices/containers"
REGISTRY = "Microsoft.ContainerRegistry/registries"
REPLICATION = "Microsoft.ContainerRegistry/registries/replications"
ML_REGISTRY = "Microsoft.MachineLearningServices/registries"
GROUP = "Microsoft.Resources/resourceGroups"

SUCCEEDED, FAILED, DELETING = "Succeeded", "Failed", "Deleting"


class Clock:
    """The time; it may be moved on, and it may stand still otherwise."""

    def __init__(self, *, stands_still: bool = False) -> None:
        self._stands_still = stands_still
        self._start = datetime(2026, 1, 1, tzinfo=UTC)
        self._moved = timedelta()

    def now(self) -> datetime:
        """Return the time."""
        return (self._start if self._stands_still else datetime.now(UTC)) + self._moved

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._moved += timedelta(seconds=seconds)


@dataclass(slots=True)
class Thing:
    """A resource that is there, or on its way in or out."""

    id: str
    type: str
    body: dict[str, Any]
    state: str = SUCCEEDED
    done_at: datetime | None = None  # when what is happening to it is over
    outcome: str = SUCCEEDED  # the state in which it is then; a deleted one is gone

    @property
    def name(self) -> str:
        """Return the last part of its id."""
        return self.id.rpartition("/")[2]

    @property
    def is_changing(self) -> bool:
        """Tell whether something is happening to it."""
        return self.done_at is not None

    def shown(self) -> dict[str, Any]:
        """Return it as an answer shows it."""
        properties = {**self.body.get("properties", {}), "provisioningState": self.state}
        return {**self.body, "id": self.id, "name": self.name, "type": self.type, "properties": properties}


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that takes time, by the resource that it happens to."""

    id: str
    resource: str
    verb: str


@dataclass(slots=True)
class Durations:
    """How many seconds each change takes."""

    storage_create: float = 5
    replica_create: float = 8
    replica_delete: float = 4
    group_delete: float = 5
    ml_registry: float = 20  # each change of a registry of Azure Machine Learning
    replica_cool_down: float = 20  # within which a replica that was removed cannot be made again


@dataclass(slots=True)
class Cloud:
    """Everything there is, by its id in lower case."""

    clock: Clock
    durations: Durations = field(default_factory=Durations)
    hides_new: bool = False  # whether a storage account cannot be seen while it is being made
    things: dict[str, Thing] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    taken: set[tuple[str, str]] = field(default_factory=set)  # names that others have, by type, in lower case
    removed_at: dict[str, datetime] = field(default_factory=dict)

    def settle(self) -> None:
        """Let everything be over whose time has come."""
        now = self.clock.now()
        for key, thing in list(self.things.items()):
            if thing.done_at is None or thing.done_at > now or key not in self.things:
                continue
            if thing.state == DELETING:
                self._forget(key, thing.done_at)
            else:
                thing.state, thing.done_at = thing.outcome, None

    def find(self, resource_id: str) -> Thing | None:
        """Return what has an id, or None."""
        return self.things.get(resource_id.lower())

    def below(self, resource_id: str) -> Iterator[Thing]:
        """Yield everything whose id begins with another one's."""
        prefix = f"{resource_id.lower()}/"
        return (thing for key, thing in list(self.things.items()) if key.startswith(prefix))

    def owner_of(self, kind: str, name: str) -> Thing | None:
        """Return what has a name that nobody else in the world can have, or None."""
        return next(
            (thing for thing in self.things.values() if thing.type == kind and thing.name.lower() == name.lower()), None
        )

    def is_taken(self, kind: str, name: str) -> bool:
        """Tell whether somebody outside of here has a name."""
        return (kind, name.lower()) in self.taken

    def make(self, thing: Thing, seconds: float = 0, *, outcome: str = SUCCEEDED) -> None:
        """Put something there, at once or after a while."""
        if seconds > 0 or outcome != SUCCEEDED:
            thing.state, thing.outcome = "Creating", outcome
            thing.done_at = self.clock.now() + timedelta(seconds=seconds)
        self.things[thing.id.lower()] = thing

    def remove(self, thing: Thing, seconds: float = 0) -> None:
        """Take something away, at once or after a while, with everything below it."""
        if seconds <= 0:
            self._forget(thing.id.lower(), self.clock.now())
            return
        thing.state, thing.done_at = DELETING, self.clock.now() + timedelta(seconds=seconds)

    def cools_down(self, resource_id: str) -> bool:
        """Tell whether something was removed so lately that it cannot be made again."""
        removed = self.removed_at.get(resource_id.lower())
        return removed is not None and self.clock.now() - removed < timedelta(seconds=self.durations.replica_cool_down)

    def begin(self, resource_id: str, verb: str) -> Operation:
        """Return a new operation that tells how far a change is."""
        operation = Operation(secrets.token_hex(16), resource_id, verb)
        self.operations[operation.id] = operation
        return operation

    def _forget(self, key: str, when: datetime) -> None:
        for gone in [other for other in self.things if other == key or other.startswith(f"{key}/")]:
            del self.things[gone]
            self.removed_at[gone] = when
