"""What telling subscribers needs from outside, as Protocols. Every implementation must pass the contract tests."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from registry_api.domain.delivery import Cursor, DeliveryFailure, Outstanding, Undelivered
from registry_api.domain.events import Event
from registry_api.domain.names import RegistryKey
from registry_api.domain.subscribers import Subscriber
from registry_api.service.messages import Notice
from registry_api.service.ports import Kept, Page


class NoticeQueue(Protocol):
    """Where it is announced that there is something to tell."""

    async def send(self, message: Notice, delay: timedelta) -> None:
        """Put a notice on the queue, to be seen after a delay of whole seconds.

        Raises:
            StorageUnavailable: If the notice may not have been kept.
        """


class Outbox(Protocol):
    """What is yet to be told, and who was told how much. Every method may raise `StorageUnavailable`."""

    async def read(self, key: RegistryKey, incarnation: str) -> Kept[Outstanding] | None:
        """Return what is yet to be told of a registry, None when everybody was told."""

    async def walk(self, limit: int, continuation: str | None) -> Page[Kept[Outstanding]]:
        """Return what is yet to be told of up to `limit` registries (1 to 100) of all tenants.

        Raises:
            ContinuationError: If the continuation is not one that this method gave.
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
        """Return the events after one, through another (1 to 100), the oldest first.

        What was removed is left out, and what cannot be read: it must not hold back what came after it.
        """

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


class Letter(NamedTuple):
    """What is sent to a subscriber."""

    id: str
    time: datetime  # of this attempt
    content_type: str
    body: bytes
    traceparent: str | None = None  # of the attempt, if it is recorded


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


class Audience(NamedTuple):
    """Who is told what happens, and by which way."""

    subscribers: Sequence[Subscriber]
    outbox: Outbox
    queue: NoticeQueue
