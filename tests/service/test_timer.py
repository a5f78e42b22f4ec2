"""What the resync timer writes down and announces, to the second."""

from datetime import timedelta

import pytest

from registry_api.domain.operation import DEADLINE
from registry_api.domain.plan import Observation
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Resource
from registry_api.domain.visits import Findings
from registry_api.service import resync
from registry_api.service.messages import Message
from registry_api.service.ports import Page, StorageUnavailable
from registry_api.service.records import Progress, Stored
from registry_api.storage.memory import MemoryQueue
from tests.service.world import World, without_messages

SECOND = timedelta(seconds=1)


async def forgotten() -> tuple[World, Message]:
    """Return a world where a registry was asked for, and the message that was sent for it and is lost."""
    world = World()
    await world.put("eastus")
    (body,) = world.queue.messages()
    world.queue = MemoryQueue(world.clock)
    world.clock.advance(1)
    return world, Message.model_validate_json(body)


async def test_a_reminder_is_written_down() -> None:
    """The visit that is announced again is due again, as the row says, and is not announced twice."""
    world, message = await forgotten()
    world.clock.advance(20)
    await world.tick()
    assert world.queue.messages() == []
    world.clock.advance(1)
    await world.tick()
    now = world.clock.now()

    visit = (await world.read()).visit
    assert (visit.token, visit.due) == (message.visit, now + SECOND)
    (body,) = world.queue.messages()
    told = Message.model_validate_json(body)
    assert (told.visit, told.follows, told.announced_at) == (message.visit, None, now)
    await world.tick()
    assert len(world.queue.messages()) == 1


async def test_the_timer_leaves_an_overdue_operation_to_its_visit_for_a_while() -> None:
    """For two minutes after the deadline, the visit may end the operation, because it knows more."""
    world, _ = await forgotten()
    world.clock.advance(DEADLINE / SECOND + 118)
    await world.tick()
    assert not (await world.read()).operation.is_terminal
    world.clock.advance(1)
    await world.tick()
    assert (await world.read()).operation.end_time == world.clock.now()


async def test_a_repair_is_announced_like_a_request() -> None:
    """What has drifted is repaired by an operation of the service, whose first visit is due in a second."""
    world, message = await forgotten()
    await world.visit(message)
    world.queue = MemoryQueue(world.clock)
    world.backend.lose("eastus")
    world.clock.advance(3600)
    await world.tick()
    registry = await world.read()

    (body,) = world.queue.messages()
    told = Message.model_validate_json(body)
    assert (told.visit, told.serial, told.follows) == (registry.visit.token, 2, None)
    assert registry.visit.due == world.clock.now() + SECOND
    assert registry.operation.start_time == registry.checked_at == world.clock.now()
    assert registry.operation.traceparent is None


async def test_a_tick_looks_at_the_cloud_for_a_few_seconds_only() -> None:
    """After five seconds no further registry is looked at; its turn comes with the next ticks."""
    world = World()
    for number in range(3):
        await world.put("eastus", name=f"Demo{number}")
    await world.settle()
    world.clock.advance(3600)
    looked: list[str] = []
    observe = world.backend.observe

    async def slow(registry: Registry, resource: Resource) -> Observation:
        if resource.kind == "StorageAccount":
            looked.append(registry.spec.name)
            world.clock.advance(2.5)
        return await observe(registry, resource)

    world.backend.observe = slow  # type: ignore[method-assign]
    await world.tick()
    assert len(looked) == 2
    await world.tick()
    assert len(looked) == 3


async def test_a_tick_that_has_no_more_time_goes_on_with_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten seconds no further registry is tended, and the next tick does the rest of the page."""
    world = await without_messages(3)
    send = world.queue.send

    async def slow(message: Message, delay: timedelta) -> None:
        world.clock.advance(5)
        await send(message, delay)

    monkeypatch.setattr(world.queue, "send", slow)
    await world.tick()
    assert len(world.queue.messages()) == 2
    await world.tick()
    assert len(world.queue.messages()) == 3


@pytest.mark.parametrize("error", [StorageUnavailable("slow"), ValueError("a bug"), None])
async def test_every_tick_comes_further(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> None:
    """However long a page takes to be read, and a check that fails, the next tick looks at another registry."""
    world = World()
    for number in range(3):
        await world.put("eastus", name=f"Demo{number}")
    await world.settle()
    world.clock.advance(3600)
    walk = world.store.walk
    looked: list[str] = []

    async def slow_walk(limit: int, continuation: str | None) -> Page[Stored]:
        world.clock.advance(20)
        return await walk(limit, continuation)

    async def slow_look(registry: Registry, *_: object) -> Findings:
        looked.append(registry.spec.name)
        world.clock.advance(20)
        if error is not None:
            raise error
        return Findings(registry.serial, {}, ())

    monkeypatch.setattr(world.store, "walk", slow_walk)
    monkeypatch.setattr(resync, "look", slow_look)
    for _ in range(3):
        await world.tick()

    assert looked == ["Demo0", "Demo1", "Demo2"]


async def test_an_idle_tick_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """When there is nothing to do and nowhere to go on, a tick only reads."""
    world = World()
    await world.put("eastus")
    await world.settle()

    async def write(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(world.store, "commit", write)
    monkeypatch.setattr(world.store, "keep_progress", write)
    await world.tick()


async def test_the_timer_notes_how_far_it_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every walk goes on where it ended, and nothing is written when there is nowhere to go on."""
    monkeypatch.setattr(resync, "ROWS_PER_PAGE", 1)
    monkeypatch.setattr(resync, "NET_PAGES", 1)
    world = World()
    for number in range(3):
        await world.put("eastus", name=f"Demo{number}")
    seen: list[Progress] = []
    for _ in range(3):
        await world.tick()
        seen.append(await world.store.read_progress())

    assert len({progress.net for progress in seen}) == len({progress.checks for progress in seen}) == 3
    assert seen[2].net is seen[2].checks is None
    assert len({progress.retention for progress in seen} - {None}) == 3
