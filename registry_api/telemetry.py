"""Facts that go with every line that the app logs while it works on something: for people, and for queries.

A line ends with the facts as JSON, and its record has them as `facts`. Nothing but the standard library takes part.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

PREFIX = "registry_api."

_facts: ContextVar[Mapping[str, Any]] = ContextVar("facts", default={})  # noqa: B039 - it is never changed in place


@contextmanager
def about(**facts: Any) -> Iterator[None]:
    """Let every line that is logged within have these facts, beside those from further out."""
    token = _facts.set({**_facts.get(), **facts})
    try:
        yield
    finally:
        _facts.reset(token)


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
