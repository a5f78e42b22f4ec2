"""Processes that can die: a dead one has no effect any more, whichever of its coroutines goes on."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from registry_api.domain.caller import Caller
from registry_api.domain.origin import Origin


class Died(BaseException):
    """The process is gone. Not an `Exception`: nothing that it runs may catch it."""


@dataclass(eq=False, slots=True)
class Process:
    """A request handler or a visit of a worker.

    `caller` is who asks, None for the service itself, and `cancels` the operations that it asks to cancel.
    """

    name: str
    caller: Caller | None = None
    cancels: set[str] = field(default_factory=set)
    has_suffered: bool = False  # a fault of some call
    is_alive: bool = True
    is_awake: bool = True

    @contextmanager
    def asleep(self) -> Iterator[None]:
        """Let none of the process's calls go on."""
        self.is_awake = False
        try:
            yield
        finally:
            self.is_awake = True

    async def awake(self) -> None:
        """Wait until the process does not sleep."""
        while not self.is_awake:  # noqa: ASYNC110 - an event would belong to one loop
            await asyncio.sleep(0)

    def check(self) -> None:
        """Do nothing, unless the process has died.

        Raises:
            Died: If it has.
        """
        if not self.is_alive:
            raise Died

    def die(self) -> None:
        """End the process here and now.

        Raises:
            Died: Always.
        """
        self.is_alive = False
        raise Died


_OUTSIDE = Process("outside")
_running: ContextVar[Process] = ContextVar("process", default=_OUTSIDE)


def running() -> Process:
    """Return the process that runs."""
    return _running.get()


def origin() -> Origin:
    """Return where a request comes from whose handler runs."""
    return Origin(request_id=running().name, address="192.0.2.1")


@contextmanager
def process(name: str, caller: Caller | None = None) -> Iterator[Process]:
    """Run what is inside, and the tasks that it starts, as a process."""
    new = Process(name, caller)
    token = _running.set(new)
    try:
        yield new
    finally:
        _running.reset(token)
