"""Runs crash points from the command line: every single fault of all flows, unless it is told otherwise."""

import argparse
import asyncio
import logging
import secrets
import sys
import time
from collections.abc import AsyncIterator, Iterator
from itertools import product

from tests.simulation.flows import FLOWS
from tests.simulation.sampling import every_pair, every_single, some_pairs
from tests.simulation.schedules import VARIANTS, Result, Schedule, run


async def main(given: argparse.Namespace) -> int:
    """Run what the arguments name, and return 1 if something is wrong with it."""
    logging.disable(logging.CRITICAL)
    if any(" " in word for word in given.what):
        return sum([await _replay(Schedule.parse(line)) for line in given.what]) and 1
    return sum([await _all(title, results) for title, results in _batches(given)]) and 1


def _batches(given: argparse.Namespace) -> Iterator[tuple[str, AsyncIterator[Result]]]:
    flows, seed = given.what or [*FLOWS], secrets.randbits(32)
    variants = VARIANTS[:1] if given.plain else VARIANTS
    if given.random is not None:
        for flow in flows:
            yield f"random pairs, {flow}, seed {seed}", some_pairs(flow, seed, given.random)
        return
    for flow in flows:
        yield f"{flow}, single faults", every_single(flow, variants)
    for variant, flow in product(variants if given.pairs else (), flows):
        yield f"pairs, {Schedule(flow, (), variant)}", every_pair(flow, variant)


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
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.crash_points", description=__doc__)
    parser.add_argument("what", nargs="*", help="flows, or one schedule again, such as 'update 3:before 7:lost twice'")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--pairs", action="store_true", help="two faults too, which takes a night for all flows")
    which.add_argument("--random", type=int, metavar="N", help="N random first faults in random variants instead")
    parser.add_argument("--plain", action="store_true", help="only where messages come once and nobody asks again")
    sys.exit(asyncio.run(main(parser.parse_args())))
