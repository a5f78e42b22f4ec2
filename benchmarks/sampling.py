"""How things are measured: in turn, so that a change in the machine's speed meets them alike, and by their medians."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from time import perf_counter, process_time

Call = Callable[[], Awaitable[object]]


async def cpu_of(calls: Sequence[Call], blocks: int, repetitions: int, callers: int = 1) -> list[float]:
    """Return what each call costs this process, in seconds of CPU: the median over blocks, which are taken in turn.

    Args:
        calls: What to measure; a block of each is made before, and does not count.
        blocks: How many blocks of each call count.
        repetitions: How many calls a caller makes in a block.
        callers: How many make a call at the same time, each one after the other.
    """
    seconds: list[list[float]] = [[] for _ in calls]
    for number in range(blocks + 1):
        for call, found in zip(calls, seconds, strict=True):
            began = process_time()
            await _make(call, callers, repetitions)
            if number:
                found.append((process_time() - began) / callers / repetitions)
    return [median(found) for found in seconds]


async def rate_of(calls: Sequence[Call], callers: int, blocks: int, repetitions: int) -> list[float]:
    """Return how often in a second each call is made by callers who do not wait for each other: medians as above.

    Args:
        calls: What to measure; a block of each is made before, and does not count.
        callers: How many make a call at the same time, each one after the other.
        blocks: How many blocks of each call count.
        repetitions: How many calls a caller makes in a block.
    """
    rates: list[list[float]] = [[] for _ in calls]
    for number in range(blocks + 1):
        for call, found in zip(calls, rates, strict=True):
            began = perf_counter()
            await _make(call, callers, repetitions)
            if number:
                found.append(callers * repetitions / (perf_counter() - began))
    return [median(found) for found in rates]


async def _make(call: Call, callers: int, repetitions: int) -> None:
    async def caller() -> None:
        for _ in range(repetitions):
            await call()

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())


def in_turn(takes: Sequence[Callable[[], float]], rounds: int) -> list[float]:
    """Return the median of each figure, taken in turn; a round is made before, and does not count."""
    found: list[list[float]] = [[] for _ in takes]
    for number in range(rounds + 1):
        for take, figures in zip(takes, found, strict=True):
            figure = take()
            if number:
                figures.append(figure)
    return [median(figures) for figures in found]
