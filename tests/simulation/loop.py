"""An event loop in which time passes only when everybody waits, so that a run depends on nothing but its seed."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zlib import crc32

from registry_api.service.ports import Clock
from tests.simulation.processes import running

T = TypeVar("T")

_CORRECTED_EVERY = 7  # seconds
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class StalledError(Exception):
    """Everybody waits for something that nobody will do."""


class _Selector(selectors.SelectSelector):
    """Waits for nothing: says how long it would have."""

    def __init__(self, wait: Callable[[float | None], None]) -> None:
        super().__init__()
        self._wait = wait

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let the time pass that there is to wait."""
        if timeout is None or timeout > 0:
            self._wait(timeout)
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop with a time of its own."""

    def __init__(self) -> None:
        self._elapsed = 0.0
        super().__init__(_Selector(self._pass_time))

    def time(self) -> float:
        """Return the seconds since the loop was made."""
        return self._elapsed

    def _pass_time(self, seconds: float | None) -> None:
        if seconds is None:
            raise StalledError("Nobody is due.")
        self._elapsed += seconds


class JumpingClock:
    """What processes take for the time: that of the loop, and what the clock has jumped."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return _BEGINNING + self._ahead + timedelta(seconds=self._loop.time())

    def jump(self, seconds: float) -> None:
        """Let the time be later all at once."""
        self._ahead += timedelta(seconds=seconds)


class SkewedClock:
    """What each process takes for the time: its clock is wrong, by something else every now and then, also backwards.

    Args:
        clock: The right time.
        skew: By how many seconds two readings differ at most.
        seed: Chooses.
    """

    def __init__(self, clock: Clock, skew: float, seed: int) -> None:
        self._clock = clock
        self._skew = skew
        self._seed = seed

    def now(self) -> datetime:
        """Return the time, in UTC."""
        now = self._clock.now()
        chance = crc32(f"{self._seed} {running().name} {now.timestamp() // _CORRECTED_EVERY}".encode()) / 2**32
        return now + timedelta(seconds=self._skew * (chance - 0.5))


def run(main: Callable[[asyncio.AbstractEventLoop], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine, and everything that it starts, in a loop of its own.

    Raises:
        StalledError: If it can never end.
    """
    loop = SimulatedLoop()
    try:
        return loop.run_until_complete(main(loop))
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
