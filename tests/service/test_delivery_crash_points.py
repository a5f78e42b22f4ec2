"""Wherever a delivery breaks off, it has one effect and one answer when it comes again."""

import itertools
import logging
import random
from collections.abc import Iterator
from typing import Any

import pytest

from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.service.deliveries import Result
from registry_api.service.ports import StorageUnavailable
from registry_api.storage.memory import MemoryRows
from registry_api.storage.store import RegistryStore
from tests.service.sending import accepted, change_as_ada, deliver, delivery, one, told
from tests.service.world import World
from tests.simulation.boundaries import guard
from tests.simulation.faults import Fault, Plan
from tests.simulation.processes import Died, process


@pytest.fixture
def _quiet() -> Iterator[None]:
    """Let the service be silent about faults that are meant."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


CRASHING = delivery(
    one("Demo1", "eastus"),
    one("Demo2", "eastus"),
    one("Bad1", "eastsu"),
    one("Demo3", "eastus"),
    one("Demo3", "eastus", "westus"),
)


async def _attempt(world: World, plan: Plan) -> list[Result] | None:
    """Deliver with faults; None if there is no answer."""
    plan.is_armed = True
    try:
        with process("delivery"):
            return await deliver(world, CRASHING)
    except (Died, StorageUnavailable):
        return None
    finally:
        plan.is_armed = False


class _Nobody:
    """What goes on meanwhile: nothing, for no call of a request happens later."""

    def postpone(self, perform: Any) -> None:
        """Refuse to."""
        raise AssertionError(perform)

    async def pause(self, fault: Fault) -> None:
        """Refuse to."""
        raise AssertionError(fault)


_FAULTS = (Fault.BEFORE, Fault.AFTER, Fault.LOST, Fault.REFUSED)


class _Breaking:
    """A world whose storage and queue fail by a plan, which may be another one for every attempt."""

    def __init__(self) -> None:
        self.plan = Plan({}, _Nobody())
        self.world = World(store=RegistryStore(guard(MemoryRows(), "rows", self._hook)))
        self.world.queue = guard(self.world.queue, "queue", self._hook)

    async def _hook(self, call: Any, perform: Any) -> Any:
        return await self.plan(call, perform)

    async def deliver(self, faults: dict[int, Fault]) -> list[Result] | None:
        """Deliver with faults; None if there is no answer."""
        self.plan = Plan(faults, _Nobody())
        return await _attempt(self.world, self.plan)


async def _run(*plans: dict[int, Fault], is_meddled_with: bool) -> None:
    """Deliver with faults until it is answered, and check that every document had one effect and its one answer."""
    breaking = _Breaking()
    world = breaking.world
    await change_as_ada(world, "Demo2")  # so that one document changes nothing
    answers = []
    for plan in (*plans, {}, {}):
        if (answer := await breaking.deliver(plan)) is not None:
            answers.append(told(answer))
        if is_meddled_with:
            await change_as_ada(world, "Demo1", description="of Ada")
            await change_as_ada(world, "Demo2", description="of Ada")
    assert all(answer == answers[0] for answer in answers)
    effects = [await accepted(world, name) for name in ("Demo1", "Demo2", "Demo3", "Bad1")]
    by_verdict = [
        sum(verdict in {"Created", "Updated"} and name == wanted for verdict, name, *_ in answers[0])
        for wanted in ("Demo1", "Demo2", "Demo3", "Bad1")
    ]
    assert effects == by_verdict
    await world.settle()
    assert (await world.read()).state is ProvisioningState.SUCCEEDED


async def _boundaries() -> int:
    breaking = _Breaking()
    await change_as_ada(breaking.world, "Demo2")
    await breaking.deliver({})
    return len(breaking.plan.calls)


@pytest.mark.parametrize("is_meddled_with", [False, True])
@pytest.mark.usefixtures("_quiet")
async def test_every_crash_point_of_a_delivery_is_survived(*, is_meddled_with: bool) -> None:
    """Wherever a delivery breaks off, the one that comes again goes on, and nothing is done or told twice."""
    boundaries = await _boundaries()
    assert boundaries > 20
    for place, fault in itertools.product(range(1, boundaries + 1), _FAULTS):
        await _run({place: fault}, is_meddled_with=is_meddled_with)


@pytest.mark.usefixtures("_quiet")
async def test_pairs_of_crash_points_of_a_delivery_are_survived() -> None:
    """Neither does a delivery that breaks off twice, wherever, while others change what it is about."""
    boundaries = await _boundaries()
    rand = random.Random(2)  # noqa: S311 - a seed makes it the same again
    pairs = list(itertools.product(range(1, boundaries + 1), repeat=2))
    for first, second in rand.sample(pairs, 150):
        await _run({first: rand.choice(_FAULTS)}, {second: rand.choice(_FAULTS)}, is_meddled_with=True)
