"""How far a subscriber was told what happened to a registry: one event at a time, in their order.

The functions are pure: they take a cursor as it is stored and return it as it is to be stored.
"""

from datetime import datetime, timedelta
from zlib import crc32

from registry_api.domain.events import Event
from registry_api.domain.record import Record
from registry_api.domain.registry import LEASE, Lease
from registry_api.domain.scope import Scope
from registry_api.domain.subscribers import Subscriber

GIVE_UP_AFTER = timedelta(hours=24)  # since the event
REMIND_AFTER = timedelta(minutes=5)
_LEAST_ATTEMPTS = 3  # also of what comes to its turn late
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=1)
_SPREAD = 0.25  # of the pauses, so that what failed together does not come back together
_LONGEST_WAIT = _LONGEST_PAUSE * (1 + _SPREAD)  # what is due later was written by a clock that is wrong
_EARLY = timedelta(seconds=1)  # that clocks may differ by


class Outstanding(Record):
    """That there is something to tell of a registry, up to which event. It is gone when everybody was told."""

    tenant: str
    name: str
    incarnation: str
    through: int
    since: datetime  # of the newest event
    due: datetime  # when to look whether it was forgotten


class Cursor(Record):
    """How far a subscriber was told of a registry, and who is telling it just now."""

    settled: int = 0  # the last event that it was told of, or that was given up, or that was not for it
    attempts: int = 0  # to tell the next one, which failed
    first_attempt_at: datetime | None = None  # of these
    due: datetime | None = None  # when the next attempt is; a notice for that moment was sent before this was written
    lease: Lease = Lease()
    written_at: datetime


class DeliveryFailure(Record):
    """Why a subscriber could not be told. The cause repeats nothing that the subscriber, or its address, has secret."""

    cause: str
    retry_after: timedelta | None = None  # how long it wants to be left alone, if it says so
    final: bool = False  # it wants no more of it


class Undelivered(Record):
    """An event that a subscriber was not told of, and never will be."""

    subscriber: str
    address: str
    event: Event
    attempts: int
    cause: str
    first_attempt_at: datetime
    given_up_at: datetime

    @property
    def scope(self) -> Scope:
        """Return where the registry is or was."""
        return self.event.scope


def pause_of(cursor: Cursor, now: datetime) -> timedelta | None:
    """Return how long the subscriber is to be left alone yet; None when it may be told at once."""
    wait = timedelta(0) if cursor.due is None else cursor.due - now
    return wait if _EARLY < wait <= _LONGEST_WAIT else None


def begin(cursor: Cursor, now: datetime) -> Cursor:
    """Return the cursor with its lease taken."""
    lease = Lease(epoch=cursor.lease.epoch + 1, expires=now + LEASE)
    return cursor.model_copy(update={"lease": lease, "written_at": now})


def advance(cursor: Cursor, through: int, now: datetime) -> Cursor:
    """Return the cursor behind the events that are settled now, its lease renewed."""
    lease = cursor.lease.model_copy(update={"expires": now + LEASE})
    return Cursor(settled=through, lease=lease, written_at=now)


def release(cursor: Cursor, now: datetime) -> Cursor:
    """Return the cursor with its lease given back."""
    lease = cursor.lease.model_copy(update={"expires": None})
    return cursor.model_copy(update={"lease": lease, "written_at": now})


def fail(cursor: Cursor, event: Event, subscriber: Subscriber, failure: DeliveryFailure, now: datetime) -> Cursor:
    """Return the cursor after an attempt that failed, its lease given back and the next attempt due."""
    pause = min(_FIRST_PAUSE * 2 ** min(cursor.attempts, 30), _LONGEST_PAUSE)
    chance = f"{subscriber.name} {event.incarnation} {event.sequence} {cursor.attempts}"
    pause *= 1 + _SPREAD * crc32(chance.encode()) / 2**32
    asked = min(failure.retry_after or timedelta(0), _LONGEST_PAUSE)
    return release(cursor, now).model_copy(
        update={
            "attempts": cursor.attempts + 1,
            "first_attempt_at": cursor.first_attempt_at or now,
            "due": now + max(pause, asked),
        }
    )


def give_up(
    cursor: Cursor, event: Event, subscriber: Subscriber, failure: DeliveryFailure, now: datetime
) -> Undelivered | None:
    """Return what is left of an event whose delivery failed once too often; None while it is to be tried again."""
    attempts = cursor.attempts + 1
    has_had_its_time = now >= event.time + GIVE_UP_AFTER and attempts >= _LEAST_ATTEMPTS
    if not (failure.final or has_had_its_time):
        return None
    return Undelivered(
        subscriber=subscriber.name,
        address=subscriber.address,
        event=event,
        attempts=attempts,
        cause=failure.cause,
        first_attempt_at=cursor.first_attempt_at or now,
        given_up_at=now,
    )
