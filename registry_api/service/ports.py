"""What the service needs from outside, as Protocols. Every implementation must pass the contract tests.

What only the Protocols name is not imported: whoever reads needs one of them, and none of the models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from registry_api.domain.caller import Caller
    from registry_api.domain.delivery import Undelivered
    from registry_api.domain.events import Event
    from registry_api.domain.names import RegistryKey
    from registry_api.domain.operation import Operation
    from registry_api.domain.permissions import Permissions
    from registry_api.domain.placement import Placement
    from registry_api.domain.registry import Registry
    from registry_api.service.audience import Audience
    from registry_api.service.messages import Message
    from registry_api.service.records import Claim, Commit, Progress, Replay, Revision, Stored
    from registry_api.service.views import View

T = TypeVar("T")


class StorageUnavailable(Exception):  # noqa: N818 - the state of a dependency, not a fault of the program
    """Table or queue storage did not answer in time, or answered that it cannot."""


class Conflict(Exception):  # noqa: N818 - somebody else was faster: read again
    """What was to be replaced is no longer what was read."""


class ContinuationError(ValueError):
    """A list does not go on where it was to go on."""


class UnreadableError(Exception):
    """What is kept is not what it is to be. It is not a `ValueError`: no caller asked for it wrongly."""


class Page(NamedTuple, Generic[T]):
    """Some records in their order, and how to get the next ones."""

    items: Sequence[T]
    continuation: str | None


class Kept(NamedTuple, Generic[T]):
    """A record as it was read, or is about to be written for the first time, when it has no version yet."""

    record: T
    version: str | None


class Views(Protocol):
    """What callers read of registries; each is of the same moment as its registry. May raise `StorageUnavailable`."""

    async def read(self, key: RegistryKey) -> View | None:
        """Return what callers read of a registry, or None.

        Raises:
            UnreadableError: If there is one, and nobody can tell what it is like.
        """

    async def list(self, tenant: str, limit: int, continuation: str | None) -> Page[View]:
        """Return what callers read of up to `limit` registries (1 to 100) of a tenant, in the order of their keys.

        Raises:
            ContinuationError: If the continuation is not one that this method gave for the tenant.
        """


class Store(Protocol):
    """Registries and operations, kept. Every method may raise `StorageUnavailable`.

    What cannot be read raises `UnreadableError` where it is asked for alone, and is left out of lists.
    """

    async def read(self, key: RegistryKey) -> Stored | None:
        """Return a registry, or None."""

    async def read_operation(self, key: RegistryKey, operation_id: str) -> Operation | None:
        """Return an operation, also of a registry that is gone, or None."""

    async def list(self, tenant: str, limit: int, continuation: str | None) -> Page[Registry]:
        """Return up to `limit` registries (1 to 100) of a tenant, in the order of their keys.

        Raises:
            ContinuationError: If the continuation is not one that this method gave for the tenant.
        """

    async def list_operations(self, key: RegistryKey, limit: int, continuation: str | None) -> Page[Operation]:
        """Return up to `limit` operations (1 to 100) of a registry, the newest first.

        Raises:
            ContinuationError: If the continuation is not one that this method gave for the registry.
        """

    async def list_revisions(
        self, key: RegistryKey, incarnation: str, limit: int, continuation: str | None
    ) -> Page[Revision]:
        """Return up to `limit` revisions (1 to 100) of a registry, the newest first.

        Raises:
            ContinuationError: If the continuation is not one that this method gave for the registry.
        """

    async def list_events(self, key: RegistryKey, limit: int, continuation: str | None) -> Page[Event]:
        """Return up to `limit` events (1 to 100) of a name, the newest first, also of registries that are gone.

        Raises:
            ContinuationError: If the continuation is not one that this method gave for the registry.
        """

    async def list_undelivered(self, key: RegistryKey, limit: int, continuation: str | None) -> Page[Undelivered]:
        """Return up to `limit` events (1 to 100) of a name that subscribers were not told of, the newest first.

        Raises:
            ContinuationError: If the continuation is not one that this method gave for the registry.
        """

    async def walk(self, limit: int, continuation: str | None) -> Page[Stored]:
        """Return up to `limit` registries (1 to 100) of all tenants.

        Raises:
            ContinuationError: If the continuation is not one that this method gave.
        """

    async def sweep(self, limit: int, continuation: str | None, now: datetime) -> str | None:
        """Remove what was kept for long enough among the next `limit` rows; return where to go on, None at the end.

        Raises:
            ContinuationError: If the continuation is not one that this method gave.
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
