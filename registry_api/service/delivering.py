"""One notice: tell subscribers what has happened to a registry, each event in its turn, and note how far that came.

Level-triggered, as visits are: what is told is what is stored and not yet noted as told, whatever the notice says.
A lease keeps two deliveries to one subscriber apart. Who could not be told has a notice of its own on its way, sent
before the row says when it is due.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from registry_api.domain import delivery
from registry_api.domain.delivery import Cursor, DeliveryFailure, Outstanding
from registry_api.domain.events import Event
from registry_api.domain.notifications import CONTENT_TYPE, cloud_event, id_of
from registry_api.domain.subscribers import Subscriber
from registry_api.service.announcing import notice_of
from registry_api.service.audience import Audience, Courier, DeliveryError, Letter
from registry_api.service.messages import Notice
from registry_api.service.ports import Conflict, ContinuationError, Kept, Ports, StorageUnavailable
from registry_api.service.reconcile import COMMIT_WINDOW
from registry_api.telemetry import span, traceparent

WORKING_TIME = timedelta(seconds=30)  # after which a delivery leaves the rest to the next one
DELIVERY_TIME = timedelta(seconds=10)
_SPARE_TIME = timedelta(seconds=5)  # of a lease, to note what a letter led to
_EVENTS_PER_READ = 100
_LOOK_AGAIN = timedelta(seconds=5)
_STORAGE_PAUSE = timedelta(seconds=20)
_LONGEST_STORAGE_PAUSE = timedelta(hours=1)
_REMIND_AGAIN_AFTER = timedelta(minutes=15)

_log = logging.getLogger(__name__)

_TOO_SLOW = DeliveryFailure(cause=f"It did not answer within {DELIVERY_TIME.seconds} seconds.")
_UNFORESEEN = DeliveryFailure(cause="A fault of the service; its log has more.")


async def notify(notice: Notice, *, ports: Ports, courier: Courier) -> None:
    """Tell subscribers what a notice announces.

    Raises:
        StorageUnavailable: If no notice could be sent that goes on with it; this one has to come again.
    """
    if ports.audience is not None:
        with span("notify", notice.traceparent, registry=notice.name, tenant=notice.tenant):
            await _notify(notice, ports.audience, ports, courier)


async def _notify(notice: Notice, audience: Audience, ports: Ports, courier: Courier) -> None:
    now = ports.clock.now()
    try:
        kept = await audience.outbox.read(notice.key, notice.incarnation)
        if kept is None or kept.record.through < notice.sequence:
            if await _is_too_early(notice, audience, now):
                await audience.queue.send(notice, _LOOK_AGAIN)
                return
            kept = await audience.outbox.read(notice.key, notice.incarnation)  # as it was committed since, perhaps
        if kept is not None:
            await _Delivery(notice, kept, audience, ports, courier).run()
    except StorageUnavailable:
        _log.warning("Nobody can be told of '%s' now.", notice.name, exc_info=True)
        pause = min(max(_STORAGE_PAUSE, now - notice.announced_at), _LONGEST_STORAGE_PAUSE)
        await audience.queue.send(notice, pause)


async def remind(continuation: str | None, limit: int, *, ports: Ports) -> str | None:
    """Announce again what should have been told long ago, among up to `limit` registries; return where to go on."""
    audience = ports.audience
    if audience is None:
        return None
    try:
        page = await audience.outbox.walk(limit, continuation)
    except ContinuationError:  # an older version of the app noted it
        page = await audience.outbox.walk(limit, None)
    now = ports.clock.now()
    for kept in page.items:
        if kept.record.due <= now:
            await audience.queue.send(notice_of(kept.record, now), timedelta(0))
            with suppress(Conflict):
                await audience.outbox.postpone(kept, now + _REMIND_AGAIN_AFTER)
    return page.continuation


async def _is_too_early(notice: Notice, audience: Audience, now: datetime) -> bool:
    """Tell whether what a notice announces may be about to be committed yet."""
    if abs(now - notice.announced_at) >= COMMIT_WINDOW:
        return False
    return not await audience.outbox.read_events(notice.key, notice.incarnation, notice.sequence - 1, notice.sequence)


@dataclass(frozen=True, slots=True)
class _Delivery:
    notice: Notice
    outstanding: Kept[Outstanding]
    audience: Audience
    ports: Ports
    courier: Courier

    async def run(self) -> None:
        """Tell those whom the notice is about, side by side: a slow one does not hold back the others."""
        theirs = [subscriber for subscriber in self.audience.subscribers if subscriber.tenant == self.notice.tenant]
        meant = [subscriber for subscriber in theirs if self.notice.subscriber in {None, subscriber.name}]
        answers = await asyncio.gather(*map(self._tell, meant), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        told = {subscriber.name for subscriber, answer in zip(meant, answers, strict=True) if answer}
        for subscriber in theirs:
            if subscriber.name not in told and not self._is_settled((await self._read(subscriber)).record):
                return
        with suppress(Conflict):  # something new has happened, and a notice says so
            await self.audience.outbox.settle(self.outstanding)

    @property
    def _through(self) -> int:
        return self.outstanding.record.through

    def _is_settled(self, cursor: Cursor) -> bool:
        return cursor.settled >= self._through

    async def _tell(self, subscriber: Subscriber) -> bool:
        """Tell a subscriber everything that it was not told yet; return whether nothing is left."""
        cursor, now = await self._read(subscriber), self.ports.clock.now()
        if self._is_settled(cursor.record):
            return True
        lease = cursor.record.lease
        if lease.expires is not None and lease.is_held(now):
            await self._again(subscriber, min(lease.expires - now, _LOOK_AGAIN))
            return False
        if (pause := delivery.pause_of(cursor.record, now)) is not None:
            if self.notice.due == cursor.record.due:
                await self._again(subscriber, pause)
            return False  # without the notice that the cursor waits for, this one is a stray
        try:
            cursor = await self._keep(subscriber, cursor, delivery.begin(cursor.record, now))
        except Conflict:
            await self._again(subscriber, _LOOK_AGAIN)
            return False
        try:
            return await self._tell_all(subscriber, cursor, now + WORKING_TIME)
        except Conflict:
            _log.warning("Lost the lease on telling '%s' of '%s'.", subscriber.name, self.notice.name)
            await self._again(subscriber, _LOOK_AGAIN)
            return False
        except StorageUnavailable:
            raise
        except Exception:
            await self._let_go(subscriber, cursor.record)
            raise

    async def _tell_all(self, subscriber: Subscriber, cursor: Kept[Cursor], ends: datetime) -> bool:
        after = cursor.record.settled
        while after < self._through:
            last = min(after + _EVENTS_PER_READ, self._through)
            events = await self.audience.outbox.read_events(self.notice.key, self.notice.incarnation, after, last)
            mine = [event for event in events if subscriber.name in event.subscribers]
            for event in mine:
                now = self.ports.clock.now()
                if now >= ends or not cursor.record.lease.is_held(now + DELIVERY_TIME + _SPARE_TIME):
                    await self._again(subscriber, timedelta(0))
                    await self._keep(subscriber, cursor, delivery.release(cursor.record, now))
                    return False
                following = await self._settle(event, subscriber, cursor)
                if following is None:
                    return False
                cursor = following
            after = last
        now = self.ports.clock.now()
        settled = delivery.release(delivery.advance(cursor.record, self._through, now), now)
        await self._keep(subscriber, cursor, settled)
        return True

    async def _settle(self, event: Event, subscriber: Subscriber, cursor: Kept[Cursor]) -> Kept[Cursor] | None:
        """Tell a subscriber of an event, or give it up; return the cursor behind it, None if it has to come again."""
        facts = {"subscriber": subscriber.name, "event": id_of(event), "operation": event.operation}
        with span("deliver", **facts, attempt=cursor.record.attempts + 1) as attempted:
            failure = await self._deliver(event, subscriber)
            if failure is not None:
                attempted.ended("Refused" if failure.final else "NotTaken", failed=True)
        now, undelivered = self.ports.clock.now(), None
        if failure is not None:
            _log.warning("'%s' was not told of event %s: %s", subscriber.name, id_of(event), failure.cause)
            undelivered = delivery.give_up(cursor.record, event, subscriber, failure, now)
            if undelivered is None:
                failed = delivery.fail(cursor.record, event, subscriber, failure, now)
                await self._again(subscriber, (failed.due or now) - now, failed.due)
                await self._keep(subscriber, cursor, failed)
                return None
            _log.error("'%s' will not be told of event %s any more.", subscriber.name, id_of(event))
        key, incarnation = self.notice.key, self.notice.incarnation
        following = Kept(delivery.advance(cursor.record, event.sequence, now), cursor.version)
        return await self.audience.outbox.keep_cursor(key, incarnation, subscriber.name, following, undelivered)

    async def _deliver(self, event: Event, subscriber: Subscriber) -> DeliveryFailure | None:
        """Send an event to a subscriber; return what speaks against its having been taken."""
        try:
            letter = Letter(id_of(event), self.ports.clock.now(), CONTENT_TYPE, cloud_event(event), traceparent())
            async with asyncio.timeout(DELIVERY_TIME.total_seconds()):
                await self.courier.deliver(subscriber, letter)
        except TimeoutError:
            return _TOO_SLOW
        except DeliveryError as error:
            return error.failure
        except Exception:  # noqa: BLE001 - a fault ends as one of the subscriber would: in the dead letters, in time
            _log.exception("The courier failed in a way that nobody foresaw.")
            return _UNFORESEEN
        return None

    async def _read(self, subscriber: Subscriber) -> Kept[Cursor]:
        kept = await self.audience.outbox.read_cursor(self.notice.key, self.notice.incarnation, subscriber.name)
        return kept or Kept(Cursor(written_at=self.ports.clock.now()), None)

    async def _keep(self, subscriber: Subscriber, before: Kept[Cursor], after: Cursor) -> Kept[Cursor]:
        return await self.audience.outbox.keep_cursor(
            self.notice.key, self.notice.incarnation, subscriber.name, Kept(after, before.version)
        )

    async def _let_go(self, subscriber: Subscriber, begun: Cursor) -> None:
        """Give the lease back, so that the notice fails again, and in the end for good, and not only waits for it."""
        with suppress(Conflict, StorageUnavailable):
            cursor = await self._read(subscriber)
            if cursor.record.lease.epoch == begun.lease.epoch:
                await self._keep(subscriber, cursor, delivery.release(cursor.record, self.ports.clock.now()))

    async def _again(self, subscriber: Subscriber, delay: timedelta, due: datetime | None = None) -> None:
        """Let a notice come for one subscriber."""
        update = {
            "sequence": self._through,
            "announced_at": self.ports.clock.now(),
            "subscriber": subscriber.name,
            "due": due or self.notice.due,
        }
        await self.audience.queue.send(self.notice.model_copy(update=update), delay)
