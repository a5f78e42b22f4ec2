"""What a notice does that is not the one a cursor waits for: it waits, or is a stray, and tells nothing twice."""

from datetime import timedelta
from typing import Any

import pytest

from registry_api.domain import delivery
from registry_api.domain.delivery import Cursor
from registry_api.service import delivering
from registry_api.service.messages import Notice
from registry_api.service.ports import Conflict, Kept, Ports, StorageUnavailable
from registry_api.service.records import Commit
from registry_api.storage.memory import MemoryQueue
from registry_api.storage.outbox import RegistryOutbox
from tests.courier import subscriber
from tests.service.listening import BUSY, CREATED, DEMO, PROVISIONED, listening, outstanding
from tests.service.world import INVISIBLE, World

INCARNATION = "demo1.1"


async def begun(*subscribers: Any) -> tuple[World, Notice]:
    """Return a world in which a registry was asked for, and the notice of that, taken from the queue."""
    world = listening(*subscribers)
    await world.put("eastus")
    world.clock.advance(1)
    received = await world.notices.receive(INVISIBLE)
    assert received is not None
    await world.notices.delete(received)
    return world, Notice.model_validate_json(received.body)


async def notify(world: World, notice: Notice) -> list[tuple[Notice, float]]:
    """Let a notice come; return what is on the queue then, and in how many seconds each is seen."""
    await delivering.notify(notice, ports=world.ports, courier=world.courier)
    entries = world.notices._entries.values()
    now = world.clock.now()
    return [
        (Notice.model_validate_json(entry.delivery.body), (entry.visible_at - now).total_seconds()) for entry in entries
    ]


async def keep(world: World, cursor: Cursor) -> Kept[Cursor]:
    """Write a cursor, whatever was there."""
    outbox = RegistryOutbox(world.rows)
    kept = await outbox.read_cursor(DEMO, INCARNATION, "inventory")
    return await outbox.keep_cursor(DEMO, INCARNATION, "inventory", Kept(cursor, kept.version if kept else None))


@pytest.mark.parametrize(("elapsed", "wait"), [(0, 5), (27, 3)])
async def test_somebody_at_work_is_waited_for(elapsed: int, wait: int) -> None:
    """While the lease is held nothing is told; the notice comes again soon, for that subscriber, and then tells."""
    world, notice = await begun()
    await keep(world, delivery.begin(Cursor(written_at=world.clock.now()), world.clock.now()))
    world.clock.advance(elapsed)
    ((again, seconds),) = await notify(world, notice)

    assert (again.subscriber, again.sequence, again.due, seconds) == ("inventory", 1, None, wait)
    assert again.announced_at == world.clock.now()
    assert world.letters.tried == {}
    await world.settle()
    assert world.letters.types() == [CREATED, PROVISIONED]


async def test_who_loses_the_race_for_the_lease_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has told nothing."""
    world, notice = await begun()

    async def lose(*_: object) -> None:
        raise Conflict("somebody was faster")

    with monkeypatch.context() as patch:
        patch.setattr(RegistryOutbox, "keep_cursor", lose)
        ((again, seconds),) = await notify(world, notice)
    assert (again.subscriber, seconds, world.letters.tried) == ("inventory", 5, {})
    assert await outstanding(world) == [1]


@pytest.mark.parametrize(("seconds", "told"), [(14, [CREATED]), (15, [])])
async def test_nothing_is_begun_that_may_outlast_the_lease(
    monkeypatch: pytest.MonkeyPatch, *, seconds: int, told: list[str]
) -> None:
    """When storage was slow, the letter is left to the next notice: it could arrive in somebody else's time."""
    world, notice = await begun()
    read = RegistryOutbox.read_events

    async def read_slowly(*arguments: Any) -> Any:
        world.clock.advance(seconds)
        return await read(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(RegistryOutbox, "read_events", read_slowly)
        queued = await notify(world, notice)
    assert (world.letters.types(), len(queued), len(await outstanding(world))) == (told, not told, not told)
    await world.settle()
    assert world.letters.types() == [CREATED, PROVISIONED]


async def test_only_the_notice_of_the_next_attempt_waits_for_it() -> None:
    """It comes again when the attempt is due; any other that comes before is a stray."""
    world, notice = await begun()
    due = world.clock.now() + timedelta(minutes=10)
    await keep(world, Cursor(attempts=1, due=due, written_at=world.clock.now()))
    for stray in (notice, notice.model_copy(update={"subscriber": "inventory", "due": due - timedelta(seconds=1)})):
        assert await notify(world, stray) == []
    awaited = notice.model_copy(update={"subscriber": "inventory", "due": due})
    ((again, seconds),) = await notify(world, awaited)

    assert (again.due, seconds, world.letters.tried) == (due, 600, {})
    world.notices = MemoryQueue(world.clock)
    world.clock.advance(600)
    assert await notify(world, notice) == []  # whoever comes when it is due may tell
    assert world.letters.types() == [CREATED]


async def test_an_attempt_that_failed_has_its_notice() -> None:
    """The notice names the moment that the cursor names, and comes then."""
    world, notice = await begun()
    world.letters.trouble = lambda *_: BUSY
    ((again, seconds),) = await notify(world, notice)
    kept = await RegistryOutbox(world.rows).read_cursor(DEMO, INCARNATION, "inventory")

    assert kept is not None
    assert (again.due, again.subscriber) == (kept.record.due, "inventory")
    assert again.due is not None
    assert 0 <= seconds - (again.due - world.clock.now()).total_seconds() < 1
    assert not kept.record.lease.is_held(world.clock.now())


async def test_the_outbox_is_settled_when_the_last_one_was_told() -> None:
    """Not before, whoever it is."""
    world, notice = await begun(subscriber("first"), subscriber(), subscriber("foreign", "another"))
    for away in ({"first", "inventory"}, {"inventory"}):
        world.letters.trouble = lambda to, _, away=away: BUSY if to.name in away else None  # type: ignore[misc]
        await notify(world, notice)
        assert await outstanding(world) == [1]
        world.clock.advance(60)
    world.letters.trouble = lambda *_: None
    await notify(world, notice.model_copy(update={"subscriber": "inventory"}))

    assert await outstanding(world) == []
    assert "foreign" not in world.letters.tried


async def test_a_change_that_comes_meanwhile_keeps_the_outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was told is behind the cursor, and what is new still has its row."""
    world, notice = await begun()
    deliver = world.letters.deliver

    async def change_meanwhile(*arguments: Any) -> None:
        await deliver(*arguments)
        await world.put("eastus", description="another")

    monkeypatch.setattr(world.letters, "deliver", change_meanwhile)
    await notify(world, notice)
    assert (world.letters.types(), await outstanding(world)) == ([CREATED], [2])


@pytest.mark.parametrize(("age", "waits"), [(0, True), (59, True), (60, False), (-59, True), (-60, False)])
async def test_a_change_is_waited_for_for_a_minute(age: int, *, waits: bool) -> None:
    """Whichever clock is ahead; a notice of something newer than what is there does not hold that back for good."""
    world, notice = await begun()
    newer = notice.model_copy(update={"sequence": 2, "announced_at": world.clock.now() - timedelta(seconds=age)})
    queued = await notify(world, newer)

    assert [(again.sequence, seconds) for again, seconds in queued] == ([(2, 5)] if waits else [])
    assert world.letters.types() == ([] if waits else [CREATED])


@pytest.mark.parametrize("error", [StorageUnavailable("away"), Conflict("somebody was faster")], ids=repr)
async def test_a_fault_is_told_although_the_lease_cannot_be_given_back(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """What went wrong first is what the log has to say; the lease ends by itself."""
    world, notice = await begun()

    async def fail(*_: object) -> None:
        monkeypatch.setattr(world.rows, "transact", refuse)
        raise RuntimeError("a fault")

    async def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(RegistryOutbox, "read_events", fail)
    with pytest.raises(RuntimeError, match="a fault"):
        await notify(world, notice)


async def test_a_lost_lease_is_not_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who fails gives back its own lease only: somebody else may be at work by then."""
    world, notice = await begun()
    outbox, now = RegistryOutbox(world.rows), world.clock.now()

    async def fail(*_: object) -> None:
        kept = await outbox.read_cursor(DEMO, INCARNATION, "inventory")
        assert kept is not None
        await keep(world, delivery.begin(kept.record, now))
        raise RuntimeError("a fault")

    monkeypatch.setattr(RegistryOutbox, "read_events", fail)
    with pytest.raises(RuntimeError):
        await notify(world, notice)
    kept = await outbox.read_cursor(DEMO, INCARNATION, "inventory")
    assert kept is not None
    assert (kept.record.lease.epoch, kept.record.lease.is_held(now)) == (2, True)


async def test_the_resync_reminds_page_by_page() -> None:
    """So many at a time, and each again only a quarter of an hour later; an old continuation begins anew."""
    world, _ = await begun()
    ports: Ports = world.ports
    for name in ("a", "b"):
        record = (await RegistryOutbox(world.rows).walk(1, None)).items[0].record
        copy = record.model_copy(update={"incarnation": f"{record.incarnation}{name}"})
        stored = await world.store.read(DEMO)
        assert stored is not None
        await world.store.commit(Commit(DEMO, stored.registry, stored.version, outstanding=copy))
    world.clock.advance(300)
    first = await delivering.remind("of another version", 2, ports=ports)
    assert first is not None
    assert len(world.notices.messages()) == 2
    assert await delivering.remind(first, 2, ports=ports) is None
    assert len(world.notices.messages()) == 3
    for seconds, notices in ((899, 3), (1, 6)):
        world.clock.advance(seconds)
        assert await delivering.remind(None, 100, ports=ports) is None
        assert len(world.notices.messages()) == notices
