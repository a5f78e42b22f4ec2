"""What visits do when workers die, storage is away, and everything comes in any order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any
from unittest.mock import AsyncMock, patch

import pytest

from registry_api.domain import visits
from registry_api.domain.names import RegistryKey
from registry_api.domain.plan import Action, Observation
from registry_api.domain.problems import Code, Refusal
from registry_api.domain.registry import LEASE, Registry
from registry_api.domain.resources import Failure, FailureKind, Kind, ResourceState
from registry_api.service import work
from registry_api.service.messages import Message
from registry_api.service.ports import Conflict, StorageUnavailable, Store
from registry_api.service.records import Commit
from registry_api.storage.memory import MemoryRows
from registry_api.storage.rows import Row, Write
from registry_api.storage.store import RegistryStore
from tests.domain.registries import region_states
from tests.service.world import INVISIBLE, World

DEMO = RegistryKey("tenant", "demo1")
EVERYTHING_IN_TWO_REGIONS = {
    (Kind.STORAGE_ACCOUNT, "eastus"),
    (Kind.STORAGE_ACCOUNT, "westus"),
    (Kind.CONTAINER_REGISTRY, "eastus"),
    (Kind.REPLICA, "westus"),
}


class Died(Exception):  # noqa: N818 - the end of a process
    """The worker's process is gone."""


class DyingStore(RegistryStore):
    """A store that is killed at its n-th commit, before or after it has happened."""

    def __init__(self, commits: int, *, after: bool) -> None:
        super().__init__(MemoryRows())
        self._commits = commits
        self._after = after

    async def commit(self, commit: Commit) -> str | None:
        """Commit, or die."""
        self._commits -= 1
        if self._commits == 0 and not self._after:
            raise Died
        version = await super().commit(commit)
        if self._commits == 0:
            raise Died
        return version


@pytest.mark.parametrize("commits", [1, 2, 3])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_worker_that_dies_is_followed_by_another(commits: int, after: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Wherever a worker dies, the message that it had announced brings the next one within a lease."""
    store: Store = DyingStore(commits + 1, after=after)
    world = World(store=store, looks=1)
    await world.put("eastus", "westus")
    started = world.clock.now()
    while not (delivery := await world.queue.receive(INVISIBLE)):
        world.clock.advance(1)
    died = False
    while not died and delivery is not None:
        try:
            await world.visit(Message.model_validate_json(delivery.body))
            await world.queue.delete(delivery)
        except Died:
            died = True
            await world.queue.delete(delivery)  # the worst case: the host gives the message up as well
        while not died and not (delivery := await world.queue.receive(INVISIBLE)):
            world.clock.advance(1)

    await world.settle()

    assert died
    assert (await world.read()).state == "Succeeded"
    assert world.backend.present == EVERYTHING_IN_TWO_REGIONS
    assert world.clock.now() - started < LEASE + timedelta(seconds=30)


async def test_a_visit_whose_begin_is_slow_does_not_strand_its_registry() -> None:
    """A visit that overtakes another between its announcement and its commit leaves a message that counts."""
    world = World(looks=2)
    await world.put("eastus")
    world.clock.advance(1)
    first = await world.queue.receive(INVISIBLE)
    assert first is not None
    original, overtaken = world.store.commit, False

    async def slow_commit(commit: Commit) -> str | None:
        nonlocal overtaken
        if overtaken:
            return await original(commit)
        overtaken = True
        world.clock.advance(3)  # the message that was just announced shows itself
        second = await world.queue.receive(INVISIBLE)
        assert second is not None
        message = Message.model_validate_json(second.body)
        stored = await world.store.read(DEMO)
        version = await original(commit)  # the first visit's commit lands after the second has read
        with patch.object(world.store, "read", AsyncMock(side_effect=[stored, await world.store.read(DEMO)])):
            await world.visit(message)
        await world.queue.delete(second)
        return version

    world.store.commit = slow_commit  # type: ignore[method-assign]
    await world.visit(Message.model_validate_json(first.body))
    await world.queue.delete(first)
    await world.settle()

    assert (await world.read()).state == "Succeeded"


async def test_a_visit_ends_however_slow_the_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that do not answer are given up in time, and told as what they are; the operation ends at its deadline."""
    world = World()
    monkeypatch.setattr(work, "WORKING_TIME", timedelta(milliseconds=50))

    async def hang(*_: object) -> Observation:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(world.backend, "observe", hang)
    await world.put("eastus", "westus")
    world.clock.advance(1)
    await world.work_once()

    registry = await world.read()
    assert registry.lease.expires is None
    assert {resource.failure and resource.failure.code for resource in registry.resources} == {"RegionUnavailable"}
    world.clock.advance(3600)
    await world.work_once()
    assert (await world.read()).operation.error == Failure(
        code=Code.OPERATION_TIMED_OUT,
        message="It did not end within 1:00:00. The last problem was RegionUnavailable: "
        "The region did not answer in time.",
        kind=FailureKind.PERMANENT,
    )


async def test_an_operation_ends_also_when_no_visit_can_end() -> None:
    """When every visit dies before it has written down what it found, the operation still ends at its deadline."""
    world = World()
    await world.put("eastus")
    original = world.store.commit

    async def refuse_ends(commit: Commit) -> str | None:
        if commit.registry is not None and commit.registry.state == "Succeeded":
            raise StorageUnavailable("the row is too large")
        return await original(commit)

    world.store.commit = refuse_ends  # type: ignore[method-assign]
    for _ in range(2 * 3600):
        delivery = await world.queue.receive(INVISIBLE)
        if delivery is None:
            world.clock.advance(1)
            continue
        with suppress(StorageUnavailable):
            await world.visit(Message.model_validate_json(delivery.body))
        await world.queue.delete(delivery)

    registry = await world.read()
    assert (registry.state, registry.operation.error and registry.operation.error.code) == (
        "Failed",
        Code.OPERATION_TIMED_OUT,
    )


async def test_a_worker_of_another_life_cannot_write() -> None:
    """A worker that slept while its registry was deleted and made again does not touch the new one."""
    world = World()
    await world.put("eastus")
    world.clock.advance(1)
    original, slept = world.backend.start, False

    async def start_after_a_sleep(registry: Registry, action: Action) -> None:
        nonlocal slept
        if not slept:
            slept = True
            world.clock.advance(60)
            await world.delete()
            await world.settle()
            await world.put("eastus", "westus")
            world.clock.advance(1)
            stored = await world.store.read(DEMO)
            assert stored is not None
            begun = visits.begin_visit(stored.registry, stored.registry.visit, world.clock.now())
            await world.store.commit(Commit(DEMO, begun, stored.version))
        await original(registry, action)

    delivery = await world.queue.receive(INVISIBLE)
    assert delivery is not None
    with patch.object(world.backend, "start", start_after_a_sleep):
        await world.visit(Message.model_validate_json(delivery.body))
    registry = await world.read()

    assert (registry.state, registry.lease.epoch) == ("Creating", 1)
    assert set(region_states(registry).values()) == {ResourceState.PENDING}


class JitteryRows(MemoryRows):
    """Rows that let others go first for a random while, before and after every call."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random

    async def get(self, partition: str, key: str) -> Row | None:
        """Return a row, or None."""
        await self._pause()
        row = await super().get(partition, key)
        await self._pause()
        return row

    async def transact(self, partition: str, writes: Sequence[Write]) -> Sequence[str | None]:
        """Do all writes or none."""
        await self._pause()
        versions = await super().transact(partition, writes)
        await self._pause()
        return versions

    async def _pause(self) -> None:
        for _ in range(self._random.randrange(12)):
            await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(150))
async def test_whatever_the_order_a_registry_that_is_not_terminal_has_its_message(seed: int) -> None:
    """Three workers, repeated deliveries and requests in any order leave the message that counts, and end right."""
    random = Random(seed)  # noqa: S311 - a seed makes it the same again
    world = World(looks=random.randrange(4), store=RegistryStore(JitteryRows(random)))
    regions = ["eastus", "westus", "eastus2"]

    async def worker() -> None:
        for _ in range(25):
            delivery = await world.queue.receive(INVISIBLE)
            if delivery is None:
                world.clock.advance(random.choice([0, 0.5, 1, 3]))
                await asyncio.sleep(0)
                continue
            with suppress(Conflict):
                await world.visit(Message.model_validate_json(delivery.body))
                if random.random() < 0.8:  # the host may die before it deletes a message
                    await world.queue.delete(delivery)

    async def client() -> None:
        for number in range(4):
            with suppress(Refusal):
                await world.put("eastus", *random.sample(regions[1:], random.randrange(3)), description=str(number))
            for _ in range(random.randrange(60)):
                await asyncio.sleep(0)

    await asyncio.gather(worker(), worker(), worker(), client())

    registry = await world.read()
    messages = [Message.model_validate_json(body) for body in world.queue.messages()]
    assert registry.state.is_terminal or any(
        registry.visit.token in {message.visit, message.follows} for message in messages
    )
    await world.settle()
    registry = await world.read()
    assert (registry.state, registry.observed_generation) == ("Succeeded", registry.generation)
    assert {region for _, region in world.backend.present} == set(registry.spec.region_names)


@pytest.mark.parametrize("seconds", [5, 60, 600])
@pytest.mark.parametrize("broken", [("read",), ("commit",), ("read", "commit")])
async def test_a_storage_outage_fails_no_operation_and_makes_no_storm(seconds: int, broken: tuple[str, ...]) -> None:
    """While the table is away, visits are put off, one message at a time; when it is back, everything ends right."""
    world = World(looks=1)
    await world.put("eastus", "westus")
    back = world.clock.now() + timedelta(seconds=seconds)
    originals = {name: getattr(world.store, name) for name in broken}

    def breaking(name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any) -> Any:
            if world.clock.now() < back:
                raise StorageUnavailable(name)
            return await originals[name](*arguments)

        return call

    for name in broken:
        setattr(world.store, name, breaking(name))
    for _ in range(seconds + 60):
        while await world.work_once():
            pass
        assert len(world.queue.messages()) <= 1
        world.clock.advance(1)

    await world.settle()
    assert (await world.read()).state == "Succeeded"
