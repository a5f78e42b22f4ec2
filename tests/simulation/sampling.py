"""Which schedules are run: all of them, or as many as a normal test run has time for."""

from collections.abc import AsyncIterator, Sequence
from random import Random

from tests.simulation.boundaries import Call
from tests.simulation.faults import Fault, faults_of
from tests.simulation.scenario import Variant
from tests.simulation.schedules import VARIANTS, Result, Schedule, pairs, run, singles

_FOLLOWERS = 4


async def every_single(flow: str, variants: Sequence[Variant] = VARIANTS) -> AsyncIterator[Result]:
    """Yield one fault at every boundary, however messages are delivered and clients behave."""
    for variant in variants:
        async for result in singles(flow, variant):
            yield result


async def every_pair(flow: str, variant: Variant) -> AsyncIterator[Result]:
    """Yield two faults at every pair of boundaries."""
    whole = await run(Schedule(flow, (), variant))
    firsts = ((ordinal, fault) for ordinal, call in enumerate(whole.calls, 1) for fault in faults_of(call))
    async for result in pairs(flow, variant, firsts):
        yield result


async def some_pairs(flow: str, seed: int, firsts: int) -> AsyncIterator[Result]:
    """Yield one fault at `firsts` random boundaries in random variants, and some pairs that begin with each."""
    random = Random(f"{flow} {seed}")  # noqa: S311 - a seed makes it the same again
    calls: dict[Variant, Sequence[Call]] = {}
    for _ in range(firsts):
        variant = random.choice(VARIANTS)
        if variant not in calls:
            calls[variant] = (await run(Schedule(flow, (), variant))).calls
        first = _some_fault(calls[variant], 1, random)
        alone = await run(Schedule(flow, (first,), variant))
        yield alone
        for _ in range(_FOLLOWERS if first[0] < len(alone.calls) else 0):
            second = _some_fault(alone.calls, first[0] + 1, random)
            yield await run(Schedule(flow, (first, second), variant))


def _some_fault(calls: Sequence[Call], earliest: int, random: Random) -> tuple[int, Fault]:
    ordinal = random.randint(earliest, len(calls))
    return ordinal, random.choice(faults_of(calls[ordinal - 1]))
