"""Schedules and the timer listener."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from devhost.invoke import InvocationError
from devhost.ncrontab import parse_schedule
from devhost.timers import TimerListener

_NOW = datetime(2026, 11, 23, 22, 30, 15)  # noqa: DTZ001 - a Monday, in local time as schedules are

OCCURRENCES = [
    ("* * * * * *", "2026-11-23 22:30:16"),
    ("*/10 * * * * *", "2026-11-23 22:30:20"),
    ("5/20 * * * * *", "2026-11-23 22:30:25"),
    ("0 */5 * * * *", "2026-11-23 22:35:00"),
    ("*/5 * * * *", "2026-11-23 22:35:00"),
    ("0 0 * * * *", "2026-11-23 23:00:00"),
    ("0 30 9 * * *", "2026-11-24 09:30:00"),
    ("0 0 0 1 * *", "2026-12-01 00:00:00"),
    ("0 0 0 1 1 *", "2027-01-01 00:00:00"),
    ("0 0 12 * * Sun", "2026-11-29 12:00:00"),
    ("0 0 12 * * 1-5", "2026-11-24 12:00:00"),
    ("0 0 12 * * fri-tue", "2026-11-24 12:00:00"),
    ("0 0 12 * Feb,Mar *", "2027-02-01 12:00:00"),
    ("0 0 0 29 2 *", "2028-02-29 00:00:00"),
    ("0 0 0 31 * *", "2026-12-31 00:00:00"),
    ("0 0 0 13 * 5", "2027-08-13 00:00:00"),
    ("15,45 30 22 * * *", "2026-11-23 22:30:45"),
    ("00:00:30", "2026-11-23 22:30:45"),
    ("1.00:00:00", "2026-11-24 22:30:15"),
]


@pytest.mark.parametrize(("schedule", "expected"), OCCURRENCES)
def test_the_next_occurrence(schedule: str, expected: str) -> None:
    """A schedule names the first moment after now."""
    assert parse_schedule(schedule).next_after(_NOW) == datetime.fromisoformat(expected)


def test_a_date_that_never_comes_has_no_occurrence() -> None:
    """The search for a date that does not exist ends."""
    assert parse_schedule("0 0 0 31 2 *").next_after(_NOW) is None


@pytest.mark.parametrize(
    "schedule",
    ["", "* * * *", "60 * * * * *", "* * * 0 * *", "* * * * * 7", "*/0 * * * * *", "x * * * * *", "00:00:00"],
)
def test_a_malformed_schedule_is_refused(schedule: str) -> None:
    """What NCrontab refuses is refused."""
    with pytest.raises(ValueError, match=r"."):
        parse_schedule(schedule)


class _Timer:
    """A listener whose clock jumps: whenever it is looked at, the next due time has come."""

    def __init__(self, schedule: str, *, runs: int, fails: bool = False, **options: Any) -> None:
        self.ticks: list[Any] = []
        self._left = runs
        self._fails = fails
        self._clock = _NOW
        self.listener = TimerListener(
            name="ticker", schedule=parse_schedule(schedule), handler=self._run, now=self._time, **options
        )

    def _time(self) -> datetime:
        self._clock += timedelta(seconds=20)
        return self._clock

    async def _run(self, tick: Any) -> None:
        self.ticks.append(tick)
        self._left -= 1
        if not self._left:
            self.listener.stop()
        if self._fails:
            raise InvocationError


async def test_a_timer_runs_again_after_an_error() -> None:
    """An error never ends the schedule."""
    timer = _Timer("* * * * * *", runs=3, fails=True)
    await timer.listener.run()
    assert len(timer.ticks) == 3


async def test_a_timer_knows_its_next_occurrence() -> None:
    """The function is told when it will run next, and that it is not late."""
    timer = _Timer("00:01:00", runs=1)
    timer.listener._wait_until = _no_wait  # type: ignore[method-assign]
    await timer.listener.run()
    assert timer.ticks[0].past_due is False
    assert set(timer.ticks[0].schedule_status) == {"Last", "Next", "LastUpdated"}


async def _no_wait(due: datetime) -> None:
    del due


async def test_a_frequent_timer_has_no_status() -> None:
    """More than one run a minute switches the monitor off, as does `use_monitor=False`."""
    frequent = _Timer("*/30 * * * * *", runs=1)
    unmonitored = _Timer("00:01:00", runs=1, use_monitor=False, run_on_startup=True)
    for timer in (frequent, unmonitored):
        timer.listener._wait_until = _no_wait  # type: ignore[method-assign]
        await timer.listener.run()
        assert timer.ticks[0].schedule_status == {}


async def test_run_on_startup_runs_at_once() -> None:
    """A timer that is not due for a year runs at the start if it says so."""
    timer = _Timer("0 0 0 1 1 *", runs=1, run_on_startup=True)
    await timer.listener.run()
    assert len(timer.ticks) == 1


async def test_a_timer_without_occurrences_ends(caplog: pytest.LogCaptureFixture) -> None:
    """A date that never comes is reported once."""
    await _Timer("0 0 0 31 2 *", runs=1).listener.run()
    assert "has no more occurrences" in caplog.text


async def test_a_waiting_timer_stops_at_once() -> None:
    """A timer that waits for its next occurrence ends when it is told to."""
    timer = _Timer("0 0 0 1 1 *", runs=1)
    running = asyncio.ensure_future(timer.listener.run())
    await asyncio.sleep(0)
    timer.listener.stop()
    await asyncio.wait_for(running, 30)
    assert timer.ticks == []
