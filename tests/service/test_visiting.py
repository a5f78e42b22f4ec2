"""What a visit does step by step: wait, announce, take the lease, work, write down; and how it is given up."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from registry_api.domain import visits
from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import DEADLINE
from registry_api.domain.problems import Code
from registry_api.domain.registry import Lease, Registry
from registry_api.domain.resources import Failure, FailureKind, ResourceState
from registry_api.service import reconcile
from registry_api.service.messages import Message
from registry_api.service.ports import Conflict, StorageUnavailable
from registry_api.service.records import Commit, Stored
from registry_api.storage.memory import MemoryQueue
from tests.domain.registries import region_states
from tests.service.world import World

DEMO = RegistryKey("tenant", "demo1")
SECOND = timedelta(seconds=1)
PASSING = Failure(code="RegionUnavailable", message="No answer.")


async def stored(world: World) -> Stored:
    """Read what is stored."""
    found = await world.store.read(DEMO)
    assert found is not None
    return found


async def changed(world: World, **update: Any) -> Registry:
    """Change what is stored, behind everybody's back."""
    before = await stored(world)
    registry = before.registry.model_copy(update=update)
    await world.store.commit(Commit(DEMO, registry, before.version))
    return registry


async def asked(**fields: Any) -> tuple[World, Message]:
    """Return a world where a registry was asked for, and the message that was sent for it, taken from the queue."""
    world = World(**fields)
    await world.put("eastus")
    (body,) = world.queue.messages()
    world.queue = MemoryQueue(world.clock)
    world.clock.advance(1)
    return world, Message.model_validate_json(body)


async def delays(world: World) -> list[timedelta]:
    """Return after how long each message on the queue shows itself, to the second."""
    start, found = world.clock.now(), []
    for _ in range(400):
        while await world.queue.receive(timedelta(days=1)) is not None:
            found.append(world.clock.now() - start)
        world.clock.advance(1)
    return found


def conflicting(world: World, count: int) -> Callable[[], int]:
    """Let others be faster so often; return how many commits were asked for."""
    original, commits = world.store.commit, 0

    async def commit(commit: Commit) -> str | None:
        nonlocal commits
        commits += 1
        if commits <= count:
            raise Conflict
        return await original(commit)

    world.store.commit = commit  # type: ignore[method-assign]
    return lambda: commits


async def test_a_visit_announces_the_next_one_first() -> None:
    """Before the lease is taken, a message for the following visit is on its way, in the time that its number says."""
    world, message = await asked()
    conflicting(world, 99)
    with pytest.raises(Conflict, match=r"^'demo1' changes too fast to be visited\.$"):
        await world.visit(message)
    told = [Message.model_validate_json(body) for body in world.queue.messages()]

    assert len(told) == 5
    assert {each.follows for each in told} == {message.visit}
    assert {each.announced_at for each in told} == {world.clock.now()}
    assert await delays(world) == [2 * SECOND] * 5


async def test_a_visit_is_tried_again_while_others_are_faster() -> None:
    """Others may be faster four times; the lease is taken at the fifth try, and the work is done."""
    world, message = await asked()
    conflicting(world, 4)
    await world.visit(message)

    assert (await world.read()).state == "Succeeded"


async def test_an_overdue_operation_ends_instead_of_a_visit() -> None:
    """At the deadline the visit that is due ends the operation, also against others; no other message does."""
    world, message = await asked()
    world.clock.advance(DEADLINE / SECOND - 1)
    stray = message.model_copy(update={"visit": "stray"})
    await world.visit(stray)
    assert (await world.read()).state == "Accepted"
    commits = conflicting(world, 4)
    await world.visit(message)

    registry = await world.read()
    assert (registry.state, registry.operation.error and registry.operation.error.code) == (
        "Failed",
        Code.OPERATION_TIMED_OUT,
    )
    assert registry.operation.end_time == world.clock.now()
    assert (commits(), world.backend.calls, world.queue.messages()) == (5, [], [])


async def test_a_visit_without_storage_comes_again() -> None:
    """When storage does not answer, the same message comes again after twenty seconds."""
    world, message = await asked()

    async def away(key: RegistryKey) -> Stored | None:
        raise StorageUnavailable(key.name)

    world.store.read = away  # type: ignore[method-assign]
    await world.visit(message)

    assert [Message.model_validate_json(body) for body in world.queue.messages()] == [message]
    assert await delays(world) == [20 * SECOND]


@pytest.mark.parametrize("end", [reconcile.visit, reconcile.give_up])
@pytest.mark.parametrize(
    ("age", "expected"), [(-59, [5]), (0, [5]), (59, [5]), (60, []), (-60, []), (3600, [])], ids=str
)
async def test_a_message_waits_for_its_commit_for_a_minute(
    end: Callable[..., Any], age: int, expected: list[int]
) -> None:
    """What was announced and is not committed is looked for again in five seconds, within a minute of either clock."""
    world = World()
    message = Message(tenant="tenant", name="demo1", visit="x", serial=1, announced_at=world.clock.now() - age * SECOND)
    more = {"backend": world.backend} if end is reconcile.visit else {}
    await end(message, ports=world.ports, **more)

    assert [Message.model_validate_json(body) for body in world.queue.messages()] == [message] * len(expected)
    assert await delays(world) == [seconds * SECOND for seconds in expected]


@pytest.mark.parametrize(
    ("serial", "follows", "waits"), [(1, None, False), (2, None, True), (2, "visit-0", False)], ids=str
)
async def test_only_what_a_newer_request_announced_is_waited_for(
    serial: int,
    follows: str | None,
    waits: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A stray of a request that was committed, or of a visit, is dropped."""
    world, message = await asked()
    stray = message.model_copy(update={"visit": "stray", "serial": serial, "follows": follows})
    await world.visit(stray)

    assert bool(world.queue.messages()) is waits
    assert world.backend.calls == []


@pytest.mark.parametrize(("seconds", "waits"), [(0, []), (1, []), (1.5, [2]), (90, [90])], ids=str)
async def test_a_visit_that_is_early_comes_when_it_is_due(seconds: float, waits: list[int]) -> None:
    """A message that shows itself before its visit is due waits until then, but for what clocks may differ by."""
    world, message = await asked()
    registry = await world.read()
    due = world.clock.now() + timedelta(seconds=seconds)
    await changed(world, visit=registry.visit.model_copy(update={"due": due}))
    await world.visit(message)

    assert (world.backend.calls == []) is bool(waits)
    if waits:
        assert await delays(world) == [number * SECOND for number in waits]


@pytest.mark.parametrize(("left", "waits"), [(30, [5]), (3, [3]), (0, [])], ids=str)
async def test_a_visit_waits_for_the_lease(left: int, waits: list[int]) -> None:
    """While another worker holds the lease, the message comes again in five seconds, or when the lease ends."""
    world, message = await asked()
    registry = await world.read()
    expires = world.clock.now() + left * SECOND
    await changed(world, lease=registry.lease.model_copy(update={"epoch": 7, "expires": expires}))
    await world.visit(message)

    if waits:
        assert world.backend.calls == []
        assert await delays(world) == [number * SECOND for number in waits]
    else:
        assert (await world.read()).lease.epoch == 8


async def test_the_end_of_a_visit_is_written_in_any_case() -> None:
    """What was found is written down on top of what others wrote meanwhile; only after five tries it is given up."""
    world, message = await asked()
    commits = conflicting(world, 0)
    original = world.backend.start
    failing = False

    async def start(registry: Registry, action: Any) -> None:
        if not failing:
            await world.put("eastus", "westus")
        await original(registry, action)

    world.backend.start = start  # type: ignore[method-assign]
    await world.visit(message)
    registry = await world.read()
    assert (registry.state, registry.lease.expires) == ("Accepted", None)
    assert region_states(registry) == {"eastus": ResourceState.READY, "westus": ResourceState.PENDING}
    assert commits() >= 4

    world, message = await asked()
    refuse = world.store.commit

    async def refuse_ends(commit: Commit) -> str | None:
        if commit.registry is not None and commit.registry.state == "Succeeded":
            raise Conflict
        return await refuse(commit)

    world.store.commit = refuse_ends  # type: ignore[method-assign]
    with pytest.raises(Conflict, match=r"^'Demo1' changes too fast to write down what was found\.$"):
        await world.visit(message)


async def test_a_poisoned_operation_names_no_wrong_cause() -> None:
    """What is given up without a visit says that nobody could note why, not what a region told of once."""
    world, message = await asked()
    registry = await world.read()
    failed, *others = registry.resources
    await changed(world, resources=(*others, failed.model_copy(update={"failure": PASSING})))
    conflicting(world, 4)
    await reconcile.give_up(message, ports=world.ports)

    operation = (await world.read()).operation
    assert operation.error == Failure(
        code=Code.OPERATION_POISONED,
        message="The work failed too often. No cause could be noted: workers were killed, or did not reach storage; "
        "the log has more.",
        kind=FailureKind.PERMANENT,
    )
    assert operation.end_time == world.clock.now()


async def test_an_operation_outlasts_a_queue_that_takes_nothing() -> None:
    """Visits that cannot announce the next one fail until the host gives the message up; then it comes again."""
    world, message = await asked()
    original = world.queue.send

    async def away(*_: object) -> None:
        raise StorageUnavailable("queue")

    world.queue.send = away  # type: ignore[method-assign, assignment]
    for _ in range(5):
        with pytest.raises(StorageUnavailable):
            await world.visit(message)
    assert (await world.read()).visit.broken_by == "StorageUnavailable"
    world.queue.send = original  # type: ignore[method-assign]
    await reconcile.give_up(message, ports=world.ports)

    assert [Message.model_validate_json(body) for body in world.queue.messages()] == [message]
    assert not (await world.read()).state.is_terminal
    await world.visit(message)
    assert (await world.read()).state == "Succeeded"


async def test_a_fault_is_noted_only_of_the_request_that_met_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What broke off a visit for a request that another one has superseded says nothing of that one."""
    world, message = await asked()

    async def fault(*_: object) -> None:
        await world.put("eastus", "westus")
        raise KeyError("secret")

    monkeypatch.setattr(reconcile, "work", fault)
    with pytest.raises(KeyError):
        await world.visit(message)

    registry = await world.read()
    assert (registry.serial, registry.visit.broken_by) == (2, None)


async def test_a_visit_that_breaks_names_the_fault_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the service breaks visits off, each of which is followed; the deadline's error tells of it."""
    world, message = await asked()

    async def fault(*_: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(reconcile, "work", fault)
    with pytest.raises(KeyError):
        await world.visit(message)
    assert (await world.read()).visit.broken_by == "KeyError"
    (body,) = world.queue.messages()
    world.clock.advance(DEADLINE / SECOND)
    await world.visit(Message.model_validate_json(body))

    error = (await world.read()).operation.error
    assert error is not None
    assert error.code == Code.OPERATION_TIMED_OUT
    assert error.message.endswith("broken off by KeyError inside of the service; the log has more.")


async def test_a_fault_before_the_lease_is_what_the_operation_is_given_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the host gives a message up, the operation's error has the kind of what every visit ended with."""
    world, message = await asked()

    def fault(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(visits, "following_visit", fault)
    for _ in range(2):
        with pytest.raises(RecursionError):
            await world.visit(message)
    await reconcile.give_up(message, ports=world.ports)

    error = (await world.read()).operation.error
    assert error is not None
    assert (error.code, "RecursionError" in error.message) == (Code.OPERATION_POISONED, True)


async def test_a_fault_is_not_hidden_by_storage_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can write the fault down then; the host is told of the fault, not of the storage."""
    world, message = await asked()

    def fault(*_: object) -> None:
        async def away(*_: object) -> None:
            raise StorageUnavailable("away")

        monkeypatch.setattr(world.store, "read", away)
        raise RecursionError

    monkeypatch.setattr(visits, "following_visit", fault)
    with pytest.raises(RecursionError):
        await world.visit(message)


@pytest.mark.parametrize(("age", "pause"), [(1, 20), (20, 20), (50, 50), (7200, 3600), (-9, 20)])
async def test_storage_that_stays_away_is_asked_ever_more_rarely(
    monkeypatch: pytest.MonkeyPatch, age: int, pause: int
) -> None:
    """A message waits for as long again as it has been there, an hour at most: lost answers make few of it."""
    world, message = await asked()

    async def away(*_: object) -> None:
        raise StorageUnavailable("away")

    monkeypatch.setattr(world.store, "read", away)
    await world.visit(message.model_copy(update={"announced_at": world.clock.now() - age * SECOND}))
    start = world.clock.now()
    world.clock.advance(pause - 1)
    assert await world.queue.receive(SECOND) is None
    world.clock.advance(1)
    assert await world.queue.receive(SECOND) is not None
    assert world.clock.now() - start == pause * SECOND


async def test_a_visit_that_is_due_by_a_wrong_clock_is_made() -> None:
    """What was put off to next year is not waited for, nor is a lease that ends next year."""
    world, message = await asked()
    registry = await world.read()
    next_year = world.clock.now() + timedelta(days=365)
    await changed(
        world,
        visit=registry.visit.model_copy(update={"due": next_year}),
        lease=registry.lease.model_copy(update={"expires": next_year}),
    )
    await world.visit(message)

    assert (await world.read()).lease.epoch == 1


async def test_a_worker_at_work_may_end_an_overdue_operation() -> None:
    """While the lease is held, the deadline is left to whoever holds it."""
    world, message = await asked()
    now = world.clock.now() + DEADLINE
    await changed(world, lease=Lease(epoch=1, expires=now + 20 * SECOND))
    world.clock.advance(DEADLINE / SECOND)
    await world.visit(message)

    assert not (await world.read()).operation.is_terminal
    assert await delays(world) == [5 * SECOND]


async def test_giving_up_ends_as_well() -> None:
    """When others are faster again and again, the host is told."""
    world, message = await asked()
    conflicting(world, 5)
    with pytest.raises(Conflict, match=r"^'demo1' changes too fast to be given up\.$"):
        await reconcile.give_up(message, ports=world.ports)


async def test_a_worker_that_lost_its_lease_writes_nothing() -> None:
    """Findings of a visit whose lease another worker took meanwhile are dropped."""
    world, message = await asked()
    original = world.backend.start

    async def start(registry: Registry, action: Any) -> None:
        current = await stored(world)
        taken = visits.begin_visit(current.registry, current.registry.visit, world.clock.now())
        await world.store.commit(Commit(DEMO, taken, current.version))
        await original(registry, action)

    world.backend.start = start  # type: ignore[method-assign]
    await world.visit(message)

    registry = await world.read()
    assert (registry.state, registry.lease.is_held(world.clock.now())) == ("Creating", True)
    assert set(region_states(registry).values()) == {ResourceState.PENDING}


async def test_a_lease_that_was_taken_during_a_slow_read_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a lease is held is judged by the time after the registry was read, however long that took."""
    world, message = await asked()
    read = world.store.read

    async def slow(key: RegistryKey) -> Stored | None:
        monkeypatch.undo()
        world.clock.advance(61)
        await changed(world, lease=Lease(epoch=1, expires=world.clock.now() + timedelta(seconds=30)))
        return await read(key)

    monkeypatch.setattr(world.store, "read", slow)
    await world.visit(message)

    assert (await stored(world)).registry.lease.epoch == 1
