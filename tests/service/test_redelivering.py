"""What becomes of what subscribers do not take: it comes again, in its order, and in the end as a dead letter."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from registry_api.domain.delivery import GIVE_UP_AFTER, DeliveryFailure
from registry_api.service import delivering
from registry_api.service.messages import Notice
from registry_api.service.ports import Conflict, StorageUnavailable
from registry_api.storage.memory import MemoryQueue
from registry_api.storage.outbox import RegistryOutbox
from tests.courier import subscriber
from tests.service.listening import (
    BUSY,
    CREATED,
    DEMO,
    HOUR,
    PROVISIONED,
    UPDATED,
    listening,
    outstanding,
    undelivered,
)
from tests.service.world import INVISIBLE


async def test_what_is_refused_comes_again_and_holds_back_what_follows() -> None:
    """The same event comes again, with the same id and a newer time, until it is taken; the order stays."""
    world = listening()
    refused: list[str] = []

    def trouble(_: object, letter: Any) -> DeliveryFailure | None:
        refused.append(letter.id)
        return BUSY if len(refused) <= 3 else None

    world.letters.trouble = trouble
    await world.put("eastus")
    await world.settle()

    assert world.letters.types() == [CREATED, PROVISIONED]
    tried = world.letters.tried["inventory"]
    assert [letter.id for letter in tried[:4]] == [tried[0].id] * 4
    pauses = [(after.time - before.time).total_seconds() for before, after in pairwise(tried[:4])]
    assert all(low <= pause <= low * 1.25 + 1 for low, pause in zip((5, 10, 20), pauses, strict=True)), pauses


async def test_a_subscriber_that_is_away_does_not_hold_back_the_others() -> None:
    """Each has its own way, however long one is away."""
    world = listening(subscriber("away"), subscriber())
    world.letters.trouble = lambda to, _: BUSY if to.name == "away" else None
    await world.put("eastus")
    for _ in range(60):
        world.clock.advance(1)
        while await world.work_once() or await world.notify_once():
            pass

    assert world.letters.types() == [CREATED, PROVISIONED]
    assert 3 <= len(world.letters.tried["away"]) <= 5
    world.letters.trouble = lambda *_: None
    await world.settle()
    assert world.letters.types("away") == [CREATED, PROVISIONED]
    assert await outstanding(world) == []


async def test_more_changes_make_no_more_attempts() -> None:
    """A subscriber that is to be left alone is left alone, however much there is to tell."""
    world = listening()
    world.letters.trouble = lambda *_: BUSY
    await world.put("eastus")
    for number in range(20):
        await world.put("eastus", description=f"{number}")
        world.clock.advance(1)
        while await world.notify_once():
            pass
    assert len(world.letters.tried["inventory"]) <= 3

    world.letters.trouble = lambda *_: None
    await world.settle()
    assert world.letters.types() == [CREATED, *[UPDATED] * 20, PROVISIONED]


async def test_who_asks_for_a_pause_gets_it() -> None:
    """Retry-After is kept to, an hour at most."""
    for asked, kept in ((300, 300), (10 * HOUR, HOUR)):
        world = listening()
        world.letters.trouble = lambda *_, asked=asked: DeliveryFailure(
            cause="It answered 503.", retry_after=timedelta(seconds=asked)
        )
        await world.put("eastus")
        world.clock.advance(1)
        await world.notify_once()
        world.clock.advance(kept - 1)
        while await world.notify_once():
            pass
        assert len(world.letters.tried["inventory"]) == 1
        world.clock.advance(2)
        while await world.notify_once():
            pass
        assert len(world.letters.tried["inventory"]) == 2


async def test_after_a_day_an_event_is_a_dead_letter_and_the_next_goes_on() -> None:
    """Attempts become rare and end after 24 hours; what was not delivered can be read, and why."""
    world = listening()
    world.letters.trouble = lambda _, letter: BUSY if letter.id.endswith("-1") else None
    await world.put("eastus")
    await world.settle(2 * 24 * HOUR)

    (dead,) = await undelivered(world)
    assert (dead.subscriber, dead.address, dead.event.sequence, dead.cause) == (
        "inventory",
        "https://inventory.example",
        1,
        BUSY.cause,
    )
    tried = [letter for letter in world.letters.tried["inventory"] if letter.id.endswith("-1")]
    assert dead.attempts == len(tried)
    assert 25 <= len(tried) <= 40
    assert (dead.first_attempt_at, dead.given_up_at) == (tried[0].time, tried[-1].time)
    assert GIVE_UP_AFTER <= dead.given_up_at - dead.event.time <= GIVE_UP_AFTER + timedelta(hours=1.3)
    assert world.letters.types() == [PROVISIONED]
    assert await outstanding(world) == []


async def test_what_comes_late_to_its_turn_is_tried_thrice() -> None:
    """An event that had to wait for longer than a day is not given up at once."""
    world = listening()
    await world.put("eastus")
    world.clock.advance(3 * 24 * HOUR)
    refusals = iter([BUSY, BUSY])
    world.letters.trouble = lambda *_: next(refusals, None)
    await world.settle()

    assert world.letters.types()[0] == CREATED
    assert await undelivered(world) == []


async def test_a_subscriber_that_wants_no_more_gets_no_more() -> None:
    """410 Gone makes a dead letter at once."""
    world = listening()
    world.letters.trouble = lambda *_: DeliveryFailure(cause="It answered 410.", final=True)
    await world.put("eastus")
    await world.settle()

    assert [(dead.event.sequence, dead.attempts) for dead in await undelivered(world)] == [(2, 1), (1, 1)]
    assert len(world.letters.tried["inventory"]) == 2


async def test_who_does_not_answer_in_time_has_not_taken_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery ends in time, whatever the subscriber does, and so does one with a fault of our own."""
    world = listening(subscriber("slow"), subscriber("odd"))
    monkeypatch.setattr(delivering, "DELIVERY_TIME", timedelta(milliseconds=10))

    async def deliver(to: Any, letter: Any) -> None:
        del letter
        if to.name == "odd":
            raise RuntimeError("a fault")
        await asyncio.Event().wait()

    monkeypatch.setattr(world.letters, "deliver", deliver)
    await world.put("eastus")
    world.clock.advance(1)
    await world.notify_once()

    cursors = [await RegistryOutbox(world.rows).read_cursor(DEMO, "demo1.1", name) for name in ("slow", "odd")]
    assert [kept and (kept.record.settled, kept.record.attempts) for kept in cursors] == [(0, 1), (0, 1)]
    assert len(world.notices.messages()) == 2


async def test_a_long_delivery_is_handed_over() -> None:
    """A function does not sit for longer than its time; the next one goes on where it ended."""
    world = listening()
    for number in range(8):
        await world.put("eastus", description=f"{number}")
    seconds = delivering.WORKING_TIME / timedelta(seconds=4)
    world.letters.trouble = lambda *_: world.clock.advance(seconds)
    world.clock.advance(1)
    await world.notify_once()
    assert (len(world.letters.types()), await outstanding(world)) == (4, [8])
    await world.settle()

    assert world.letters.types()[:8] == [CREATED, *[UPDATED] * 7]
    ids = [letter.id for letter in world.letters.tried["inventory"]]
    assert len(ids) == len(set(ids))


async def test_two_deliveries_do_not_interleave() -> None:
    """The same notice twice at the same time tells everything once, in its order."""
    world = listening()
    for number in range(5):
        await world.put("eastus", description=f"{number}")
    world.clock.advance(1)
    received = await world.notices.receive(INVISIBLE)
    assert received is not None
    notice = Notice.model_validate_json(received.body)
    await asyncio.gather(
        *(delivering.notify(notice, ports=world.ports, courier=world.courier) for _ in range(3)),
    )
    await world.settle()

    assert world.letters.types() == [CREATED, *[UPDATED] * 4, PROVISIONED]


async def test_a_worker_that_died_is_followed_by_another() -> None:
    """What it may have delivered comes again once its lease has run out: at least once, never out of order."""
    world = listening()
    await world.put("eastus")
    world.clock.advance(1)
    is_dead = [True]

    def trouble(*_: object) -> None:
        if is_dead.pop() if is_dead else False:
            raise asyncio.CancelledError  # nothing of what follows in the function happens any more

    world.letters.trouble = trouble
    with pytest.raises(asyncio.CancelledError):
        await world.notify_once()
    world.clock.advance(INVISIBLE.total_seconds())
    await world.settle()

    assert world.letters.types() == [CREATED, PROVISIONED]


async def test_what_was_announced_but_never_committed_is_dropped() -> None:
    """A notice waits for its change for a minute, and no longer."""
    world = listening()
    for _ in range(2):
        store = world.store

        async def fail(_: object) -> None:
            raise StorageUnavailable("lost")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "commit", fail)
            with pytest.raises(StorageUnavailable):
                await world.put("eastus")
    assert len(world.notices.messages()) == 2
    world.clock.advance(30)
    while await world.notify_once():
        pass
    assert len(world.notices.messages()) == 2
    assert await world.settle(120) > 0
    assert (world.notices.messages(), world.letters.tried) == ([], {})


async def test_lost_notices_are_announced_again() -> None:
    """When the queue has lost everything, the resync finds what is to be told, and nobody else pays for it."""
    world = listening()
    await world.put("eastus")
    while await world.work_once():
        pass
    world.notices = MemoryQueue(world.clock)
    await world.tick()
    assert world.notices.messages() == []  # it may only be late
    world.clock.advance(5 * 60)
    for _ in range(3):
        await world.tick()
        world.clock.advance(15)
    assert len(world.notices.messages()) == 1
    await world.settle()
    world.clock.advance(15 * 60)
    await world.tick()

    assert world.letters.types()[0] == CREATED
    assert (world.notices.messages(), await outstanding(world)) == ([], [])


async def test_storage_that_is_away_only_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The notice is sent again, later and later; what may have been told comes again."""
    world = listening()
    await world.put("eastus")
    failing = [True, False] * 4
    transact = world.rows.transact

    async def fail_often(*arguments: Any) -> Any:
        if failing and failing.pop(0):
            raise StorageUnavailable("away")
        return await transact(*arguments)

    while await world.work_once():
        pass
    monkeypatch.setattr(world.rows, "transact", fail_often)
    world.clock.advance(1)
    while await world.notify_once():
        pass
    monkeypatch.undo()
    await world.settle()

    assert world.letters.types()[-2:] == [CREATED, PROVISIONED]
    assert await outstanding(world) == []


async def test_a_fault_gives_the_lease_back() -> None:
    """A row that nobody can read fails every time, and does not look like somebody at work."""
    world = listening()
    await world.put("eastus")
    world.clock.advance(1)

    async def fail(*_: object) -> None:
        raise RuntimeError("unreadable")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RegistryOutbox, "read_events", fail)
        for _ in range(2):
            with pytest.raises(RuntimeError):
                await world.notify_once()
            world.clock.advance(INVISIBLE.total_seconds())
    await world.settle()
    assert world.letters.types() == [CREATED, PROVISIONED]


async def test_an_answer_that_is_lost_leaves_nothing_untold() -> None:
    """A change that was made although its caller was told otherwise is told, once."""
    world = listening()
    await world.put("eastus")
    await world.settle()
    commit, raced = world.store.commit, [True]

    async def lose(change: Any) -> Any:
        if raced and raced.pop():
            await commit(change)
            raise Conflict("somebody was faster")
        return await commit(change)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.store, "commit", lose)
        await world.put("eastus", description="another")
    await world.settle()

    assert world.letters.types() == [CREATED, PROVISIONED, UPDATED, PROVISIONED]
