"""What the service needs from outside, as Protocols. Every implementation must pass the contract tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from registry_api.domain.delivery import Cursor, DeliveryFailure, Outstanding, Undelivered
from registry_api.domain.events import Event
from registry_api.domain.notifications import Subscriber
from registry_api.domain.operation import Operation
from registry_api.domain.permissions import Permissions
from registry_api.domain.plan import Action, Observation
from registry_api.domain.problems import Problem
from registry_api.domain.registry import Caller, Registry, RegistryKey
from registry_api.domain.resources import Failure, Placement, Resource
from registry_api.domain.spec import RegistrySpec

T = TypeVar("T")


class StorageUnavailable(Exception):  # noqa: N818 - the state of a dependency, not a fault of the program
    """Table or queue storage did not answer in time, or answered that it cannot."""


class Conflict(Exception):  # noqa: N818 - somebody else was faster: read again
    """What was to be replaced is no longer what was read."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A registry as it was read. `version` is the storage service's own tag and never leaves the service."""

    registry: Registry
    version: str


class Revision(BaseModel):
    """A spec that was accepted once."""

    model_config = ConfigDict(frozen=True)

    incarnation: str
    generation: int
    spec: RegistrySpec
    accepted_at: datetime
    accepted_by: str
    operation: str


class Claim(BaseModel):
    """What an idempotency key was used for first, to notice when it is used for something else."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    expires_at: datetime


class Replay(BaseModel):
    """What a request with an idempotency key led to, to be answered again: a registry, or why it was refused."""

    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    registry: Registry | None = None
    created: bool = False
    changed: bool = False
    problems: tuple[Problem, ...] = ()
    expires_at: datetime


class Progress(BaseModel):
    """Where each walk of the resync goes on; None at the beginning."""

    model_config = ConfigDict(frozen=True)

    net: str | None = None
    checks: str | None = None
    retention: str | None = None
    outstanding: str | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything that changes together. `registry` None removes the row.

    `replaces` is the version that was read, or None when there was no registry.
    """

    key: RegistryKey
    registry: Registry | None
    replaces: str | None
    operations: Sequence[Operation] = ()
    events: Sequence[Event] = ()
    outstanding: Outstanding | None = None
    revision: Revision | None = None
    replay: Replay | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some records in their order, and how to get the next ones."""

    items: Sequence[T]
    continuation: str | None


class Store(Protocol):
    """Registries and operations, kept. Every method may raise `StorageUnavailable`."""

    async def read(self, key: RegistryKey) -> Stored | None:
        """Return a registry, or None."""

    async def read_operation(self, key: RegistryKey, operation_id: str) -> Operation | None:
        """Return an operation, also of a registry that is gone, or None."""

    async def list(self, tenant: str, limit: int, continuation: str | None) -> Page[Registry]:
        """Return up to `limit` registries (1 to 100) of a tenant, in the order of their keys.

        Raises:
            ValueError: If the continuation is not one that this method gave for the tenant.
        """

    async def list_operations(self, key: RegistryKey, limit: int, continuation: str | None) -> Page[Operation]:
        """Return up to `limit` operations (1 to 100) of a registry, the newest first.

        Raises:
            ValueError: If the continuation is not one that this method gave for the registry.
        """

    async def list_revisions(
        self, key: RegistryKey, incarnation: str, limit: int, continuation: str | None
    ) -> Page[Revision]:
        """Return up to `limit` revisions (1 to 100) of a registry, the newest first.

        Raises:
            ValueError: If the continuation is not one that this method gave for the registry.
        """

    async def list_events(self, key: RegistryKey, limit: int, continuation: str | None) -> Page[Event]:
        """Return up to `limit` events (1 to 100) of a name, the newest first, also of registries that are gone.

        Raises:
            ValueError: If the continuation is not one that this method gave for the registry.
        """

    async def list_undelivered(self, key: RegistryKey, limit: int, continuation: str | None) -> Page[Undelivered]:
        """Return up to `limit` events (1 to 100) of a name that subscribers were not told of, the newest first.

        Raises:
            ValueError: If the continuation is not one that this method gave for the registry.
        """

    async def walk(self, limit: int, continuation: str | None) -> Page[Stored]:
        """Return up to `limit` registries (1 to 100) of all tenants.

        Raises:
            ValueError: If the continuation is not one that this method gave.
        """

    async def sweep(self, limit: int, continuation: str | None, now: datetime) -> str | None:
        """Remove what was kept for long enough among the next `limit` rows; return where to go on, None at the end.

        Raises:
            ValueError: If the continuation is not one that this method gave.
        """

    async def read_progress(self) -> Progress:
        """Return how far the resync has come."""

    async def keep_progress(self, progress: Progress) -> None:
        """Note how far the resync has come."""

    async def quarantine(self, message_id: str, content: bytes, now: datetime) -> None:
        """Keep a message that cannot be read, for somebody to look at."""

    async def claim(self, tenant: str, idempotency_key: str, claim: Claim, now: datetime) -> Claim:
        """Note what an idempotency key is used for, and return what it was used for first, unless that has expired."""

    async def read_claim(self, tenant: str, idempotency_key: str, now: datetime) -> Claim | None:
        """Return what an idempotency key was used for first, or None if it is free or that has expired."""

    async def read_replay(self, key: RegistryKey, idempotency_key: str) -> Replay | None:
        """Return what a request with an idempotency key led to, or None."""

    async def keep(self, key: RegistryKey, replay: Replay) -> None:
        """Keep what a request with an idempotency key led to, if it changed nothing.

        Raises:
            Conflict: If it is kept already.
        """

    async def commit(self, commit: Commit) -> str | None:
        """Change everything or nothing; return the registry's new version, None when it is gone.

        Raises:
            Conflict: If the registry is no longer as it was read, or what the request led to is kept already.
        """


class Message(BaseModel):
    """The content of a queue message: which registry to visit, and nothing of what to do there.

    `visit` is the token of the visit that it announces. `follows` is the token of the visit during which it was
    sent, should that one have died before it could write the new token down; None when a request sent it.
    """

    model_config = ConfigDict(frozen=True)

    tenant: str
    name: str
    visit: str
    follows: str | None = None
    serial: int
    announced_at: AwareDatetime
    traceparent: str | None = None

    @property
    def key(self) -> RegistryKey:
        """Return the key of the registry to visit."""
        return RegistryKey(self.tenant, self.name)


class WorkQueue(Protocol):
    """Where visits are announced."""

    async def check(self) -> None:
        """Do nothing but see whether the queue's storage answers.

        Raises:
            StorageUnavailable: If it does not.
        """

    async def send(self, message: Message, delay: timedelta) -> None:
        """Put a message on the queue, to be seen after a delay of whole seconds.

        Raises:
            StorageUnavailable: If the message may not have been kept.
        """


class Notice(BaseModel):
    """The content of a message: that there is something to tell of a registry, up to which event.

    One that announces another attempt names the subscriber, and when the attempt is due.
    """

    model_config = ConfigDict(frozen=True)

    tenant: str
    name: str
    incarnation: str
    sequence: int
    announced_at: AwareDatetime
    subscriber: str | None = None
    due: AwareDatetime | None = None

    @property
    def key(self) -> RegistryKey:
        """Return the key of the registry."""
        return RegistryKey(self.tenant, self.name)


class NoticeQueue(Protocol):
    """Where it is announced that there is something to tell."""

    async def send(self, message: Notice, delay: timedelta) -> None:
        """Put a notice on the queue, to be seen after a delay of whole seconds.

        Raises:
            StorageUnavailable: If the notice may not have been kept.
        """


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """A record as it was read, or is about to be written for the first time, when it has no version yet."""

    record: T
    version: str | None


class Outbox(Protocol):
    """What is yet to be told, and who was told how much. Every method may raise `StorageUnavailable`."""

    async def read(self, key: RegistryKey, incarnation: str) -> Kept[Outstanding] | None:
        """Return what is yet to be told of a registry, None when everybody was told."""

    async def walk(self, limit: int, continuation: str | None) -> Page[Kept[Outstanding]]:
        """Return what is yet to be told of up to `limit` registries (1 to 100) of all tenants.

        Raises:
            ValueError: If the continuation is not one that this method gave.
        """

    async def postpone(self, kept: Kept[Outstanding], due: datetime) -> None:
        """Note when to look again whether it was forgotten.

        Raises:
            Conflict: If it is no longer as it was read.
        """

    async def settle(self, kept: Kept[Outstanding]) -> None:
        """Note that everybody was told.

        Raises:
            Conflict: If it is no longer as it was read: there may be more to tell.
        """

    async def read_events(self, key: RegistryKey, incarnation: str, after: int, through: int) -> Sequence[Event]:
        """Return the events after one, through another (1 to 100), the oldest first; what was removed is left out."""

    async def read_cursor(self, key: RegistryKey, incarnation: str, subscriber: str) -> Kept[Cursor] | None:
        """Return how far a subscriber was told of a registry, None when it never was."""

    async def keep_cursor(
        self,
        key: RegistryKey,
        incarnation: str,
        subscriber: str,
        cursor: Kept[Cursor],
        undelivered: Undelivered | None = None,
    ) -> Kept[Cursor]:
        """Note how far a subscriber was told, and in the same transaction what it will never be told of.

        Raises:
            Conflict: If somebody else has noted it.
        """


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent to a subscriber."""

    id: str
    time: datetime  # of this attempt
    content_type: str
    body: bytes


class DeliveryError(Exception):
    """A letter that a subscriber has not taken, and what that means.

    Args:
        failure: The cause, for people, and whether there is any point in trying again.
    """

    def __init__(self, failure: DeliveryFailure) -> None:
        super().__init__(failure.cause)
        self.failure = failure


class Courier(Protocol):
    """Takes letters to subscribers."""

    async def deliver(self, subscriber: Subscriber, letter: Letter) -> None:
        """Deliver a letter; the caller limits the time.

        Raises:
            DeliveryError: If the subscriber may not have taken it.
        """


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told what happens, and by which way."""

    subscribers: Sequence[Subscriber]
    outbox: Outbox
    queue: NoticeQueue


class BackendError(Exception):
    """An action that a backend could not start, and what that means.

    Args:
        failure: The cause, for people; final when trying again is pointless until somebody acts.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.code}: {failure.message}")
        self.failure = failure


class Backend(Protocol):
    """The cloud, or what stands in for it. Nothing here waits for long-running work."""

    @property
    def settling_time(self) -> timedelta:
        """Return for how long a call may take effect yet after its caller has died, or was told that it failed."""

    async def observe(self, registry: Registry, resource: Resource) -> Observation:
        """Tell what there is of a resource.

        Raises:
            BackendError: If it cannot be told.
        """

    async def start(self, registry: Registry, action: Action) -> None:
        """Start one action; doing it again does no harm. What was started is seen from then on.

        Raises:
            BackendError: If it could not be started. After a transient failure it may yet be, within the settling
                time; after any other it is not.
        """


class Roles(Protocol):
    """What callers may do."""

    async def permissions_of(self, caller: Caller, subscription_id: str) -> Permissions:
        """Return what a caller may do in a subscription, at every scope above, at and below it.

        Raises:
            Refusal: If it cannot be told now; nobody may do anything then.
        """


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """Return the time, in UTC."""


class Ids(Protocol):
    """Names that are not used twice."""

    def operation_id(self, key: RegistryKey, now: datetime) -> str:
        """Return a new id. It tells which registry it belongs to, so that one point read finds it."""

    def visit_token(self) -> str:
        """Return a new name for one visit."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What every function that reads or changes something needs from outside."""

    store: Store
    queue: WorkQueue
    clock: Clock
    ids: Ids
    roles: Roles
    audience: Audience | None = None  # nobody is told anything
    placement: Placement | None = None  # where the resources of new registries are made
