"""What the resync timer finds: lost messages, overdue operations, drift, and what is kept for too long."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from registry_api.domain.drift import CHECK_INTERVAL
from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import DEADLINE
from registry_api.domain.plan import Observation, Presence
from registry_api.domain.problems import Code
from registry_api.domain.registry import DRIFTED, READY, Registry
from registry_api.domain.resources import Failure, Resource
from registry_api.service import history, reading, resync
from registry_api.service.backend import BackendError
from registry_api.service.messages import Message
from registry_api.service.ports import Conflict, StorageUnavailable
from registry_api.service.records import Commit
from registry_api.service.showing import FORM, view_of
from registry_api.storage.memory import MemoryQueue
from registry_api.storage.retention import KEEP_EVENTS, KEEP_OPERATIONS
from registry_api.storage.rows import ANY_VERSION, Delete, Upsert, Write
from tests.service.listening import listening
from tests.service.world import ASKING, INVISIBLE, World, without_messages

DEMO = RegistryKey("tenant", "demo1")


async def converged(*regions: str, **fields: Any) -> World:
    """Return a world with a registry that is as it is wanted."""
    world = World()
    await world.put(*regions, **fields)
    await world.settle()
    return world


async def types_of_events(world: World) -> list[str]:
    """Return what happened to the registry, the oldest first."""
    page = await history.list_events("Demo1", 100, None, ASKING, ports=world.ports)
    return [event.type.value for event in reversed(page.items)]


async def test_a_lost_queue_loses_nothing() -> None:
    """When every message is gone, the next ticks announce every visit again, and all ends right."""
    world = World(looks=1)
    await world.put("eastus", "westus")
    world.queue = MemoryQueue(world.clock)
    world.clock.advance(15)
    await world.tick()
    assert world.queue.messages() == []  # it may only be late
    world.clock.advance(15)
    await world.tick()
    await world.settle()

    assert (await world.read()).state == "Succeeded"


async def test_a_message_that_is_only_late_still_counts() -> None:
    """Being reminded makes no stray of the message that was late: whichever comes first brings the visit."""
    world = World()
    await world.put("eastus")
    world.clock.advance(1)
    late = await world.queue.receive(timedelta(minutes=5))
    assert late is not None
    world.clock.advance(30)
    await world.tick()
    before = (await world.read()).visit.token
    for _ in range(5):  # a backlog as long as it may be never outruns the reminders
        world.clock.advance(15)
        await world.tick()
    assert (await world.read()).visit.token == before
    await world.settle()

    assert (await world.read()).state == "Succeeded"


async def test_a_worker_at_work_is_not_disturbed() -> None:
    """While the lease is held, nobody is reminded."""
    world = World(looks=3)
    await world.put("eastus")
    world.clock.advance(1)
    await world.work_once()
    stored = await world.store.read(DEMO)
    assert stored is not None
    held = stored.registry.lease.model_copy(update={"expires": world.clock.now() + timedelta(seconds=140)})
    registry = stored.registry.model_copy(update={"lease": held})
    await world.store.commit(Commit(DEMO, registry, stored.version))
    messages = len(world.queue.messages())
    world.clock.advance(120)
    await world.tick()

    assert len(world.queue.messages()) == messages


async def test_an_operation_that_no_visit_can_end_is_ended() -> None:
    """When workers crash with every message, the operation still fails at its deadline, with its cause."""
    world = World()
    await world.put("eastus")
    world.clock.advance(DEADLINE / timedelta(seconds=1) + 121)
    await world.tick()

    operation = (await world.read()).operation
    assert (operation.status, operation.error and operation.error.code) == ("Failed", Code.OPERATION_TIMED_OUT)
    assert (await types_of_events(world))[-1] == "OperationFailed"


async def test_drift_is_told_and_repaired() -> None:
    """What was removed behind the registry's back is found within the interval, told, and made again."""
    world = await converged("eastus", "westus")
    world.backend.lose("westus")
    await world.tick()
    assert (await world.read()).state == "Succeeded"  # it was looked at not long ago
    world.clock.advance(CHECK_INTERVAL / timedelta(seconds=1))
    await world.tick()
    registry = await world.read()
    assert (registry.state, registry.operation.kind, registry.operation.requested_by) == (
        "Accepted",
        "Reconcile",
        "registry-api",
    )
    condition = registry.condition(DRIFTED)
    assert condition is not None
    assert (condition.status, "StorageAccount in westus" in condition.message) == ("True", True)
    await world.settle()

    registry = await world.read()
    assert ("ContainerRegistryReplica", "westus") in world.backend.present
    repaired = registry.condition(DRIFTED)
    assert (registry.state, repaired and repaired.reason) == ("Succeeded", "Repaired")
    assert (await types_of_events(world))[2:] == ["RequestAccepted", "DriftFound", "OperationSucceeded"]


async def test_drift_of_a_paused_registry_is_only_told() -> None:
    """Paused, a registry says that it has drifted, once, and is left as it is until somebody asks."""
    world = await converged("eastus", "westus", paused=True)
    world.backend.lose("westus")
    for _ in range(3):
        world.clock.advance(CHECK_INTERVAL / timedelta(seconds=1))
        await world.tick()
    registry = await world.read()

    condition, ready = registry.condition(DRIFTED), registry.condition(READY)
    assert (registry.state, condition and condition.reason) == ("Succeeded", "DriftFound")
    assert (ready and ready.status, ready and ready.reason) == ("False", "DriftFound")
    assert world.queue.messages() == []
    assert (await types_of_events(world)).count("DriftFound") == 1


async def test_a_cloud_that_cannot_be_seen_has_not_drifted() -> None:
    """A region that does not answer is no drift, as far as is known; it is looked at again later."""
    world = await converged("eastus")
    world.backend.blind = lambda _: BackendError(Failure(code="RegionUnavailable", message="No answer."))
    world.clock.advance(CHECK_INTERVAL / timedelta(seconds=1))
    await world.tick()

    registry = await world.read()
    condition, ready = registry.condition(DRIFTED), registry.condition(READY)
    assert condition is not None
    assert (condition.status, condition.reason, condition.message) == ("Unknown", "NotSeen", "No answer.")
    assert (registry.state, ready and ready.status) == ("Succeeded", "True")
    assert registry.checked_at == world.clock.now()


async def test_drift_is_told_although_a_region_cannot_be_seen() -> None:
    """What is seen to be missing is told, and repaired once all of the registry can be seen."""
    world = await converged("eastus", "westus", "eastus2")
    world.backend.lose("westus")
    no_answer = BackendError(Failure(code="RegionUnavailable", message="No answer."))
    world.backend.blind = lambda resource: no_answer if resource.region == "eastus2" else None
    world.clock.advance(CHECK_INTERVAL / timedelta(seconds=1))
    await world.tick()
    registry = await world.read()
    condition = registry.condition(DRIFTED)
    assert condition is not None
    assert (condition.status, "westus" in condition.message, "eastus2" in condition.message) == ("True", True, False)
    assert (registry.state, world.queue.messages()) == ("Succeeded", [])
    world.backend.blind = lambda _: None
    world.clock.advance(CHECK_INTERVAL / timedelta(seconds=1))
    await world.tick()
    await world.settle()

    registry = await world.read()
    repaired, ready = registry.condition(DRIFTED), registry.condition(READY)
    assert (registry.state, repaired and repaired.reason, ready and ready.status) == ("Succeeded", "Repaired", "True")


async def test_a_view_of_todays_form_is_left_alone() -> None:
    """Every change notes the form, so that the resync has nothing to write."""
    world = World()
    await world.put("eastus")
    await world.settle()
    before = await world.store.read(DEMO)
    await world.tick()

    assert before is not None
    assert before.registry.form == FORM
    assert await world.store.read(DEMO) == before


async def test_a_view_of_another_form_is_written_anew() -> None:
    """What another version of the app has kept for callers is replaced at the next tick, and nothing else changes."""
    world = await converged("eastus")
    registry = await world.read()
    old = registry.model_copy(update={"form": 0})
    await world.rows.transact("tenant:demo1", [Upsert("registry", old.model_dump_json()), Delete("view", ANY_VERSION)])

    await world.tick()
    assert await world.views.read(DEMO) == view_of(registry)
    assert await world.read() == registry


async def test_a_tick_is_bounded_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many registries there are, a tick looks at so many, and every one has its turn."""
    monkeypatch.setattr(resync, "ROWS_PER_PAGE", 2)
    monkeypatch.setattr(resync, "NET_PAGES", 2)
    world = await without_messages(10)
    sent = []
    for _ in range(3):
        await world.tick()
        sent.append(len(world.queue.messages()))

    assert sent == [4, 8, 10]


async def test_outboxes_are_walked_through_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick reminds of so many, and notes where the next one goes on."""
    monkeypatch.setattr(resync, "ROWS_PER_PAGE", 2)
    world = listening()
    for number in range(5):
        await world.put("eastus", name=f"Demo{number}")
    world.notices = MemoryQueue(world.clock)
    world.clock.advance(600)
    reminded = []
    for _ in range(4):
        await world.tick()
        reminded.append(len(world.notices.messages()))

    assert reminded == [2, 4, 5, 5]


async def test_a_tick_ends_in_time_whatever_page_it_is_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every registry takes six seconds, two have had their turn when the ten seconds are over."""
    monkeypatch.setattr(resync, "ROWS_PER_PAGE", 1)
    world = await without_messages(5)
    send = world.queue.send

    async def slowly(*arguments: object) -> None:
        world.clock.advance(6)
        await send(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(world.queue, "send", slowly)
    await world.tick()
    assert len(world.queue.messages()) == 2


async def test_one_registry_that_cannot_be_tended_holds_nobody_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong with one registry, the walk goes on, and what failed has its turn in the next one."""
    world = await without_messages(4)
    send, failures = world.queue.send, [ValueError("a bug"), StorageUnavailable("away"), Conflict("somebody is at it")]

    async def fail_first(*arguments: object) -> None:
        if failures:
            raise failures.pop(0)
        await send(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(world.queue, "send", fail_first)
    await world.tick()
    assert len(world.queue.messages()) == 1
    await world.tick()
    assert len(world.queue.messages()) == 4


async def test_a_partition_that_does_not_answer_holds_nobody_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody is tended although the rows of one registry can be read and not written, however long it lasts."""
    world = World()
    for name in ("aaa1", "bbb1"):
        await world.put("eastus", name=name)
    world.queue = MemoryQueue(world.clock)
    world.clock.advance(60)
    transact = world.rows.transact

    async def refuse_one(partition: str, writes: Sequence[Write]) -> Sequence[str | None]:
        if partition.endswith("aaa1"):
            world.clock.advance(8)
            raise StorageUnavailable("busy")
        return await transact(partition, writes)

    monkeypatch.setattr(world.rows, "transact", refuse_one)
    for _ in range(3):
        await world.tick()
        world.clock.advance(15)

    assert {Message.model_validate_json(message).name for message in world.queue.messages()} == {"aaa1", "bbb1"}


async def test_a_check_that_takes_long_and_fails_holds_nobody_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """In some rounds of the walk it is not its turn first, and the others are looked at."""
    world = await converged("eastus", name="aaa1")
    await world.put("eastus", name="bbb1")
    await world.settle()
    world.clock.advance(7200)
    before = world.clock.now()

    async def observe(registry: Registry, resource: Resource) -> Observation:
        if registry.spec.name == "aaa1":
            world.clock.advance(8)
            raise ValueError("a bug of the cloud")
        return Observation(Presence.READY, {"id": resource.name})

    monkeypatch.setattr(world.backend, "observe", observe)
    for _ in range(8):
        await world.tick()
        world.clock.advance(15)

    checked = (await reading.read("bbb1", ASKING, ports=world.ports)).checked_at
    assert checked is not None
    assert checked > before


async def test_what_was_kept_for_long_enough_is_removed() -> None:
    """Operations go a month after their end, events much later, revisions with their registry; what is there stays."""
    world = await converged("eastus")
    first = (await world.read()).operation.id
    await world.put("eastus", description="second")
    await world.settle()
    await world.delete()
    await world.settle()
    await world.put("eastus", description="another life")
    await world.settle()

    async def sweep() -> None:
        for _ in range(3):
            await world.tick()

    world.clock.advance(KEEP_OPERATIONS / timedelta(seconds=1) - 60)
    await sweep()
    assert (await world.operation(first)).status == "Succeeded"
    world.clock.advance(120)
    await sweep()
    page = await history.list_operations("Demo1", 100, None, ASKING, ports=world.ports)
    assert page.items == []
    events = len(await types_of_events(world))
    assert events == 8
    world.clock.advance(KEEP_EVENTS / timedelta(seconds=1))
    await sweep()
    assert (await types_of_events(world)) == []
    revisions = await history.list_revisions("Demo1", 100, None, ASKING, ports=world.ports)
    assert [item.revision.spec.description for item in revisions.items] == ["another life"]
    assert (await world.read()).state == "Succeeded"


async def test_an_old_continuation_begins_the_walk_anew() -> None:
    """What an older version of the app noted as its progress does not stop the walk."""
    world = World()
    await world.put("eastus")
    progress = await world.store.read_progress()
    await world.store.keep_progress(progress.model_copy(update={"net": "old", "checks": "old", "retention": "old"}))
    world.queue = MemoryQueue(world.clock)
    world.clock.advance(60)
    await world.tick()

    assert await world.queue.receive(INVISIBLE) is None  # it is due in a second
    world.clock.advance(1)
    assert await world.queue.receive(INVISIBLE) is not None
