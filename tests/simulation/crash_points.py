"""Runs crash points from the command line: all of them, those of some flows, or one schedule again.

python -m tests.simulation.crash_points                    every single fault
python -m tests.simulation.crash_points --pairs [flow...]  every pair of faults too, which takes a night for all flows;
                                                           with --plain, where messages come once and nobody asks again
python -m tests.simulation.crash_points "update 3:before 7:lost twice"
"""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Sequence
from itertools import product

from tests.simulation.flows import FLOWS
from tests.simulation.sampling import every_pair, every_single
from tests.simulation.schedules import VARIANTS, Result, Schedule, run

_PAIRS, _PLAIN = "--pairs", "--plain"


async def main(arguments: Sequence[str]) -> int:
    """Run what the arguments name, and return 1 if something is wrong with it."""
    logging.disable(logging.CRITICAL)
    flows = [word for word in arguments if word not in {_PAIRS, _PLAIN}] or [*FLOWS]
    variants = VARIANTS[:1] if _PLAIN in arguments else VARIANTS
    if any(" " in word for word in flows):
        return sum([await _replay(Schedule.parse(line)) for line in flows]) and 1
    failed = 0
    for flow in flows:
        failed += await _all(f"{flow}, single faults", every_single(flow, variants))
    for variant, flow in product(variants if _PAIRS in arguments else (), flows):
        failed += await _all(f"pairs, {Schedule(flow, (), variant)}", every_pair(flow, variant))
    return failed and 1


async def _all(title: str, results: AsyncIterator[Result]) -> int:
    began, count, failed = time.perf_counter(), 0, 0
    async for result in results:
        count += 1
        if result.problems:
            failed += 1
            sys.stdout.write(f"{result.told}\n")
    sys.stdout.write(f"{title}: {count} schedules, {failed} fail, {time.perf_counter() - began:.0f} s\n")
    sys.stdout.flush()
    return failed


async def _replay(schedule: Schedule) -> int:
    result = await run(schedule)
    faults = dict(schedule.faults)
    for ordinal, call in enumerate(result.calls, 1):
        sys.stdout.write(f"{ordinal:4} {call} {faults.get(ordinal, '')}\n")
    sys.stdout.write(f"{result.told}\n")
    return len(result.problems)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
