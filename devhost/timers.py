"""Timer triggers (azure-webjobs-sdk-extensions, TimerListener.cs)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from devhost.inputs import timer_input
from devhost.invoke import InvocationError
from devhost.ncrontab import Schedule

log = logging.getLogger("devhost")

_LONGEST_WAIT = timedelta(days=1)


def _local_time() -> datetime:
    return datetime.now()  # noqa: DTZ005 - schedules are in the host's local time


class TimerListener:
    """Runs one function at the times of its schedule, one run at a time.

    Args:
        name: The function's name, for the log.
        schedule: When to run.
        handler: Runs the function; it raises InvocationError if the function failed.
        run_on_startup: Whether to run once at once.
        use_monitor: Whether the function is told its last and next occurrence; never if it runs more than
            once a minute.
        now: The clock.
    """

    def __init__(
        self,
        *,
        name: str,
        schedule: Schedule,
        handler: Callable[[Any], Awaitable[Any]],
        run_on_startup: bool = False,
        use_monitor: bool = True,
        now: Callable[[], datetime] = _local_time,
    ) -> None:
        self._name = name
        self._schedule = schedule
        self._handler = handler
        self._run_on_startup = run_on_startup
        self._now = now
        self._use_monitor = use_monitor and not self._is_frequent()
        self._stopping = asyncio.Event()
        self._last: datetime | None = None

    async def run(self) -> None:
        """Run the function whenever it is due until stopped; its errors do not end the schedule."""
        if self._run_on_startup:
            await self._fire(self._schedule.next_after(self._now()))
        reached = self._now()
        while not self._stopping.is_set():
            due = self._schedule.next_after(max(reached, self._now()))
            if due is None:
                log.warning("The schedule of '%s' has no more occurrences", self._name)
                return
            await self._wait_until(due)
            if not self._stopping.is_set():
                await self._fire(self._schedule.next_after(due))
                reached = due

    def stop(self) -> None:
        """Stop waiting for the next occurrence; a run that has begun goes on."""
        self._stopping.set()

    def _is_frequent(self) -> bool:
        first = self._schedule.next_after(self._now())
        second = self._schedule.next_after(first) if first else None
        return bool(first and second and second - first < timedelta(minutes=1))

    async def _wait_until(self, due: datetime) -> None:
        while not self._stopping.is_set() and (remaining := due - self._now()) > timedelta(0):
            try:
                await asyncio.wait_for(self._stopping.wait(), min(remaining, _LONGEST_WAIT).total_seconds())
            except TimeoutError:
                continue

    async def _fire(self, following: datetime | None) -> None:
        argument = timer_input(last=self._last, following=following if self._use_monitor else None)
        self._last = self._now()
        try:
            await self._handler(argument)
        except InvocationError:
            return
