"""What the host prints: the table of functions, its own limits, and the log's format."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence

from devhost.app import Function
from devhost.routes import template_of
from devhost.settings import resolve_placeholders

NOT_MODELLED = (
    "Not modelled: keys and auth levels, scale-out, the timer monitor (past_due), retry policies, identity "
    "connections, a worker restart on timeout, memory limits, JSON in a returned str, gRPC. HTTP and triggers "
    "share one process unless --split."
)
_QUIET = ("azure", "uvicorn", "asyncio", "httpx", "httpcore")


def say(text: str) -> None:
    """Print a line of the host's own, at once, so that a program may wait for it."""
    print(f"[devhost] {text}", flush=True)


def set_up_logging(environment: Mapping[str, str]) -> None:
    """Log to stderr at INFO, or DEBUG if PYTHON_ENABLE_DEBUG_LOGGING says so; libraries only warn."""
    debug = environment.get("PYTHON_ENABLE_DEBUG_LOGGING", "").lower() in ("1", "true")
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if debug else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s %(message)s",
        datefmt="%H:%M:%S",
    )
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def describe(functions: Sequence[Function], prefix: str, url: str, environment: Mapping[str, str]) -> list[str]:
    """Return one line per function: its name and what starts it."""
    width = max((len(function.name) for function in functions), default=0)
    return [
        f"  {function.name:{width}}  {_trigger(function, prefix, url, environment)}"
        f"{'  (disabled)' if function.is_disabled(environment) else ''}"
        f"{'  (its retry policy is ignored)' if function.retries else ''}"
        for function in functions
    ]


def _trigger(function: Function, prefix: str, url: str, environment: Mapping[str, str]) -> str:
    trigger = function.trigger
    if function.kind == "queueTrigger":
        return f"queue {resolve_placeholders(trigger['queueName'], environment).lower()}"
    if function.kind == "timerTrigger":
        return f"timer {resolve_placeholders(trigger['schedule'], environment)}"
    methods = ",".join(sorted(function.methods)) if function.methods else "*"
    return f"[{methods}] {url}/{template_of(function, prefix)}"


def announce(role: str) -> None:
    """Print the process that serves a role, so that it can be found and killed."""
    say(f"{role}: pid {os.getpid()}")
