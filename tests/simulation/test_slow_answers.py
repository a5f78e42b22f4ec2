"""Calls that are answered late: found by simulation and by reading, told here in one order of events."""

import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from registry_api.service import registries
from registry_api.service.ports import StorageUnavailable
from tests.service.world import document
from tests.simulation.boundaries import Call, Perform, guard
from tests.simulation.cloud import unreachable
from tests.simulation.processes import running
from tests.simulation.scenario import Scenario, Variant, intent


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Let the service be silent about faults that are meant."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


Interruption = Callable[[Call, Perform], Awaitable[Any]]


def interrupt(world: Scenario, where: str, interruptions: list[Interruption]) -> None:
    """Let the next of the interruptions stand in for each call of a worker until there is none left."""

    async def hook(call: Call, perform: Perform) -> Any:
        is_met = str(call) == where and running().name.startswith("worker") and interruptions
        return await (interruptions.pop(0)(call, perform) if is_met else perform())

    world.ports.store._rows = guard(world.rows, "rows", hook)  # type: ignore[attr-defined]
    world.backend = guard(world.cloud, "backend", world.licensed(hook))


async def put(world: Scenario, *regions: str) -> None:
    """Ask for the registry with these regions."""
    wanted = document(*regions)
    await world.ask(lambda: registries.put(wanted, intent(), ports=world.ports))


async def test_a_slow_commit_strands_no_registry() -> None:
    """A lease that is written late names a visit whose message is still on its way, though one was used up already."""
    world = Scenario({}, Variant())
    await put(world, "eastus")

    async def slow(call: Call, perform: Perform) -> Any:
        world.clock.advance(3)  # the message that this visit has announced shows itself
        await world.work()
        return await perform()

    async def unavailable(call: Call, perform: Perform) -> Any:
        raise StorageUnavailable(str(call))

    interrupt(world, "rows.transact", [slow, unavailable])
    await world.work()
    await world.settle()

    assert not await world.problems()


async def test_a_lease_that_is_answered_late_is_no_licence_to_work() -> None:
    """A worker that learns of its lease when that is over leaves the cloud alone: others have been there since."""
    world = Scenario({}, Variant())
    await put(world, "eastus")

    async def slow(call: Call, perform: Perform) -> Any:
        answer = await perform()
        world.clock.advance(5)
        await world.ask(lambda: registries.delete("Demo1", intent(), ports=world.ports))
        world.clock.advance(35)
        while world.due is not None and world.due <= world.clock.now():
            await world.work()
        return answer

    interrupt(world, "rows.transact", [slow])
    await world.work()
    await world.settle()

    assert not await world.problems()


@pytest.mark.parametrize("seconds", [0, 3, 20, 59])
async def test_what_is_made_after_its_end_was_asked_for_is_removed(seconds: int) -> None:
    """A creation that takes effect after the cloud was said not to answer leaves nothing behind once it is deleted."""
    world = Scenario({}, Variant())
    await put(world, "eastus")

    async def late(call: Call, perform: Perform) -> Any:
        world.postpone(perform, timedelta(seconds=seconds))
        raise unreachable("eastus")

    interrupt(world, "backend.start", [late])
    await world.work()
    await world.ask(lambda: registries.delete("Demo1", intent(), ports=world.ports))
    await world.settle()

    assert not await world.problems()


@pytest.mark.parametrize("seconds", [0, 3, 20, 59])
async def test_what_is_removed_late_and_wanted_again_is_there_in_the_end(seconds: int) -> None:
    """A removal that takes effect late is waited for, also when the resource was removed and forgotten meanwhile."""
    world = Scenario({}, Variant())
    await put(world, "eastus", "westus")
    await world.settle()
    await put(world, "eastus")

    async def late(call: Call, perform: Perform) -> Any:
        world.postpone(perform, timedelta(seconds=seconds))
        raise unreachable("westus")

    interrupt(world, "backend.start", [late])
    for _ in range(3):
        await world.work()
    await put(world, "eastus", "westus")
    await world.settle()

    assert not await world.problems()


async def test_what_is_made_late_is_not_forgotten() -> None:
    """What an older request asked the cloud for is remembered until a visit of the newer one has seen it gone."""
    world = Scenario({}, Variant())
    await put(world, "eastus")
    await world.settle()
    await put(world, "eastus", "westus")
    late: list[Perform] = []

    async def superseded(call: Call, perform: Perform) -> Any:
        late.append(perform)
        await put(world, "eastus")
        raise unreachable("westus")

    interrupt(world, "backend.start", [superseded])
    await world.work()
    await late[0]()
    await world.settle()

    assert not await world.problems()
