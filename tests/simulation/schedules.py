"""Schedules: one flow with its faults; how to run one, and how to find all of them."""

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.service import registries
from tests.simulation.boundaries import Call
from tests.simulation.faults import Fault, faults_of
from tests.simulation.flows import FLOWS
from tests.simulation.scenario import Delivery, Scenario, Variant, intent

VARIANTS = tuple(Variant(delivery, repeats) for repeats, delivery in product((False, True), Delivery))
PLAIN = Variant()
_REPEATS = "repeats"
_HURT = {ProvisioningState.FAILED, ProvisioningState.CANCELED}


@dataclass(frozen=True, slots=True)
class Schedule:
    """A flow, which of its boundaries fail how, and what else is particular."""

    flow: str
    faults: tuple[tuple[int, Fault], ...] = ()
    variant: Variant = PLAIN

    def __str__(self) -> str:
        faults = (f"{ordinal}:{fault}" for ordinal, fault in self.faults)
        return " ".join([self.flow, *faults, self.variant.delivery, *([_REPEATS] if self.variant.repeats else [])])

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """Return the schedule that a line tells.

        Raises:
            ValueError: If it tells none.
        """
        flow, *words = text.split()
        if flow not in FLOWS:
            raise ValueError(f"There is no flow '{flow}'; there are {', '.join(FLOWS)}.")
        faults = tuple(
            (int(found[1]), Fault(found[2])) for word in words if (found := re.fullmatch(r"(\d+):(\w+)", word))
        )
        delivery = next((Delivery(word) for word in words if word in set(Delivery)), Delivery.ONCE)
        return cls(flow, faults, Variant(delivery, repeats=_REPEATS in words))


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a schedule."""

    schedule: Schedule
    calls: Sequence[Call]
    problems: Sequence[str]

    @property
    def told(self) -> str:
        """Return in one line how to run it again, and what is wrong."""
        return (
            f'python -m tests.simulation.crash_points "{self.schedule}"  # {"; ".join(self.problems) or "all is well"}'
        )


async def run(schedule: Schedule) -> Result:
    """Run a schedule in a world of its own, let it come to rest, and look at everything."""
    world = Scenario(dict(schedule.faults), schedule.variant)
    await FLOWS[schedule.flow](world)
    calls = tuple(world.plan.calls)
    problems = await world.problems() or await _heal(world)
    return Result(schedule, calls, problems)


async def singles(flow: str, variant: Variant) -> AsyncIterator[Result]:
    """Yield the flow without a fault, then with each fault at each boundary."""
    whole = await run(Schedule(flow, (), variant))
    yield whole
    for ordinal, call in enumerate(whole.calls, 1):
        for fault in faults_of(call):
            yield await run(Schedule(flow, ((ordinal, fault),), variant))


async def pairs(flow: str, variant: Variant, firsts: Iterable[tuple[int, Fault]]) -> AsyncIterator[Result]:
    """Yield the flow with each later fault after each of the first ones.

    The later boundaries are those of the run with the first fault, so they are those of its recovery too.
    """
    for first in firsts:
        alone = await run(Schedule(flow, (first,), variant))
        for ordinal, call in enumerate(alone.calls[first[0] :], first[0] + 1):
            for fault in faults_of(call):
                yield await run(Schedule(flow, (first, (ordinal, fault)), variant))


async def _heal(world: Scenario) -> Sequence[str]:
    """Take away what hurts, try again what has not succeeded, and return what is wrong then."""
    world.mend()
    hurt = [
        registry
        for key in world.journal.keys
        if (registry := world.journal.latest(key)) and (registry.state in _HURT or world.was_meddled_with(registry))
    ]
    for registry in hurt:
        await world.ask(lambda name=registry.spec.name: registries.retry(name, intent(), ports=world.ports))  # type: ignore[misc]
    await world.settle()
    left = [
        f"'{key.name}' is {registry.state} after it was tried again"
        for key in world.journal.keys
        if (registry := world.journal.latest(key)) and registry.state in _HURT
    ]
    return left + await world.problems()
