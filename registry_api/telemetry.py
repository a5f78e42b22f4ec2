"""What the app tells of its work: facts beside every log line, and, where somebody records them, spans and figures.

A line ends with the facts as JSON, and its record has them as `facts`. OpenTelemetry takes no part here:
spans and figures go to the recorder, if there is one.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, Token
from enum import StrEnum
from typing import Any, Protocol, Self

PREFIX = "registry_api."

_facts: ContextVar[Mapping[str, Any]] = ContextVar("facts", default={})  # noqa: B039 - it is never changed in place


class Counter(StrEnum):
    """What is counted."""

    REQUESTS = "registry_api.requests"
    RETRIES = "registry_api.retries"
    DRIFT_FOUND = "registry_api.drift.found"
    DRIFT_REPAIRED = "registry_api.drift.repaired"


class Duration(StrEnum):
    """What is measured, in seconds."""

    QUEUE_AGE = "registry_api.queue.age"
    OPERATION = "registry_api.operation.duration"


class Span(Protocol):
    """A piece of work that is under way."""

    def ended(self, outcome: str, *, failed: bool = False) -> None:
        """Say what the work came to."""


class Recorder(Protocol):
    """Takes spans and figures. It never fails, and never waits for anything."""

    def span(self, name: str, parent: str | None, facts: Mapping[str, Any]) -> AbstractContextManager[Span]:
        """Begin a span, which ends with the context.

        Args:
            name: Of the kind of work.
            parent: A traceparent; None, or one that is none, makes it part of the span that is under way.
            facts: What tells this piece of work from others.
        """

    def traceparent(self) -> str | None:
        """Return the traceparent of the span that is under way."""

    def count(self, counter: Counter, number: int, attributes: Mapping[str, str]) -> None:
        """Add to what is counted."""

    def measure(self, duration: Duration, seconds: float, attributes: Mapping[str, str]) -> None:
        """Note a duration."""


_recorder: Recorder | None = None


def record_with(recorder: Recorder | None) -> None:
    """Let a recorder take spans and figures from now on; None lets them go."""
    global _recorder  # noqa: PLW0603 - one for the process, as the log is
    _recorder = recorder


def about(**facts: Any) -> AbstractContextManager[object]:
    """Let every line that is logged within have these facts, beside those from further out."""
    return _Unrecorded(facts)


def also(**facts: Any) -> None:
    """Let every line that is logged from now on have these facts too, until the innermost `about` or `span` ends."""
    _facts.set({**_facts.get(), **facts})


def span(name: str, parent: str | None = None, **facts: Any) -> AbstractContextManager[Span]:
    """Let what is done within be a span, about these facts and those from further out."""
    return _Unrecorded(facts) if _recorder is None else _recorded(_recorder, name, parent, facts)


@contextmanager
def _recorded(recorder: Recorder, name: str, parent: str | None, facts: Mapping[str, Any]) -> Iterator[Span]:
    with about(**facts), recorder.span(name, parent, _facts.get()) as begun:
        yield begun


class _Unrecorded:
    """A span that nobody records: only the log has its facts. A generator would cost twice as much."""

    __slots__ = ("_given", "_token")

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._given = facts
        self._token: Token[Mapping[str, Any]]

    def __enter__(self) -> Self:
        self._token = _facts.set({**_facts.get(), **self._given})
        return self

    def __exit__(self, *_: object) -> None:
        _facts.reset(self._token)

    def ended(self, outcome: str, *, failed: bool = False) -> None:
        """Do nothing."""


def traceparent() -> str | None:
    """Return the traceparent of the span that is under way, None if nobody records it."""
    return None if _recorder is None else _recorder.traceparent()


def count(counter: Counter, number: int = 1, **attributes: str) -> None:
    """Add to what is counted."""
    if _recorder is not None:
        _recorder.count(counter, number, attributes)


def measure(duration: Duration, seconds: float, **attributes: str) -> None:
    """Note a duration."""
    if _recorder is not None:
        _recorder.measure(duration, seconds, attributes)


def install() -> None:
    """Let the log have the facts; again does nothing."""
    make = logging.getLogRecordFactory()
    if not isinstance(make, _WithFacts):
        logging.setLogRecordFactory(_WithFacts(make))


class _WithFacts:
    """Makes log records; those of the app have the facts."""

    def __init__(self, make: Any) -> None:
        self.make = make

    def __call__(self, name: str, *arguments: Any, **named: Any) -> logging.LogRecord:
        """Return a record."""
        record: logging.LogRecord = self.make(name, *arguments, **named)
        facts = _facts.get()
        if facts and name.startswith(PREFIX):
            record.msg, record.args = f"{record.getMessage()} {json.dumps(facts, default=str)}", ()
            record.facts = facts
        return record
