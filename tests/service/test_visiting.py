"""What a visit does step by step: wait, announce, take the lease, work, write down; and how it is given up."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from registry_api.domain import visits
from registry_api.domain.operation import DEADLINE
from registry_api.domain.problems import Code
from registry_api.domain.registry import Registry, RegistryKey
from registry_api.domain.resources import Failure, FailureKind, ResourceState
from registry_api.service import reconcile
from registry_api.service.ports import Commit, Conflict, Message, StorageUnavailable, Stored
from registry_api.storage.memory import MemoryQueue
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
            await world.put("eastus", description="meanwhile")
        await original(registry, action)

    world.backend.start = start  # type: ignore[method-assign]
    await world.visit(message)
    registry = await world.read()
    assert (registry.state, registry.spec.description, registry.lease.expires) == ("Accepted", "meanwhile", None)
    assert registry.region_states() == {"eastus": ResourceState.READY}
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


@pytest.mark.parametrize(
    ("failure", "cause"), [(None, "The log has the cause."), (PASSING, "The last problem was: No answer.")], ids=str
)
async def test_a_poisoned_operation_says_why(failure: Failure | None, cause: str) -> None:
    """What is given up ends with the last problem that a region told of, if there was one."""
    world, message = await asked()
    registry = await world.read()
    failed, *others = registry.resources
    await changed(world, resources=(*others, failed.model_copy(update={"failure": failure})))
    conflicting(world, 4)
    await reconcile.give_up(message, ports=world.ports)

    operation = (await world.read()).operation
    assert operation.error == Failure(
        code=Code.OPERATION_POISONED, message=f"The work failed too often. {cause}", kind=FailureKind.PERMANENT
    )
    assert operation.end_time == world.clock.now()


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
    assert set(registry.region_states().values()) == {ResourceState.PENDING}
