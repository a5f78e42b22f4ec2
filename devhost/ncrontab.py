"""Timer schedules: NCRONTAB expressions and time spans.

The grammar is that of the NCrontab library, which the real host uses: not cron's. The day of the month AND
the day of the week must match, a range may be written backwards, `5/10` is from 5 to the end in steps of 10.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from devhost.settings import parse_timespan

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_SEARCH_YEARS = 30  # long enough for the rarest date, 29 February on a given day of the week
_WITH_SECONDS = 6
_WITHOUT_SECONDS = 5


class Schedule(Protocol):
    """Something that knows when to run next."""

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first occurrence after a moment, None if there is none."""


@dataclass(frozen=True)
class Interval:
    """A constant pause between runs (azure-webjobs-sdk-extensions, ConstantSchedule.cs)."""

    pause: timedelta

    def next_after(self, moment: datetime) -> datetime:
        """Return the moment plus the pause."""
        return moment + self.pause


@dataclass(frozen=True)
class CronSchedule:
    """The values that every field of a cron expression allows, in ascending order."""

    seconds: Sequence[int]
    minutes: Sequence[int]
    hours: Sequence[int]
    days: Sequence[int]
    months: Sequence[int]
    weekdays: Sequence[int]

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first occurrence after a moment, None if there is none in the next decades."""
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        for year in range(start.year, start.year + _SEARCH_YEARS):
            for month in self.months:
                if (year, month) < (start.year, start.month):
                    continue
                for day in self._days_of(year, month):
                    if date(year, month, day) < start.date():
                        continue
                    found = self._first_on(datetime(year, month, day, tzinfo=start.tzinfo), start)
                    if found:
                        return found
        return None

    def _days_of(self, year: int, month: int) -> list[int]:
        last = calendar.monthrange(year, month)[1]
        return [d for d in self.days if d <= last and date(year, month, d).isoweekday() % 7 in self.weekdays]

    def _first_on(self, day: datetime, start: datetime) -> datetime | None:
        for hour in self.hours:
            for minute in self.minutes:
                if day.replace(hour=hour, minute=minute, second=59) < start:
                    continue
                for second in self.seconds:
                    candidate = day.replace(hour=hour, minute=minute, second=second)
                    if candidate >= start:
                        return candidate
        return None


def parse_schedule(text: str) -> Schedule:
    """Parse a timer's schedule: six cron fields with seconds first, five without, or a time span.

    Raises:
        ValueError: It is none of them.
    """
    fields = text.split()
    if len(fields) == _WITHOUT_SECONDS:
        fields = ["0", *fields]
    if len(fields) == _WITH_SECONDS:
        return CronSchedule(
            seconds=_parse_field(fields[0], 0, 59),
            minutes=_parse_field(fields[1], 0, 59),
            hours=_parse_field(fields[2], 0, 23),
            days=_parse_field(fields[3], 1, 31),
            months=_parse_field(fields[4], 1, 12, _MONTHS),
            weekdays=_parse_field(fields[5], 0, 6, _WEEKDAYS),
        )
    pause = parse_timespan(text)
    if pause <= timedelta(0):
        raise ValueError(f"the time span {text!r} must be longer than zero")
    return Interval(pause)


def _parse_field(text: str, low: int, high: int, names: Sequence[str] = ()) -> tuple[int, ...]:
    values: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = int(step_text) if slash else 1
        if step < 1:
            raise ValueError(f"{text!r}: a step must be at least 1")
        first, dash, last = span.partition("-")
        if span == "*":
            start, end = low, high
        elif dash:
            start, end = sorted((_parse_value(first, low, high, names), _parse_value(last, low, high, names)))
        else:
            start = _parse_value(span, low, high, names)
            end = high if slash else start
        values.update(range(start, end + 1, step))
    return tuple(sorted(values))


def _parse_value(text: str, low: int, high: int, names: Sequence[str]) -> int:
    if text.isdecimal():
        value = int(text)
    else:
        found = [i for i, name in enumerate(names) if text and name.lower().startswith(text.lower())]
        if not found:
            raise ValueError(f"{text!r} is not a value of this cron field")
        value = found[0] + low
    if not low <= value <= high:
        raise ValueError(f"{value} is not between {low} and {high}")
    return value
