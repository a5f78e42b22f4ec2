"""What can go wrong with one call, and a plan of which calls it goes wrong with."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

from tests.simulation.boundaries import Call, Perform
from tests.simulation.processes import running
from tests.simulation.world import BACKEND, ROLES, ROWS, WORKERS, not_answering


class Fault(StrEnum):
    """What happens to a call."""

    BEFORE = "before"  # the process dies, and nothing has happened
    AFTER = "after"  # it has happened, and the process dies
    LOST = "lost"  # it has happened, and the caller is told that nothing answers
    REFUSED = "refused"  # it has not happened, and the caller is told that nothing answers
    LATE = "late"  # the caller is told that nothing answers, and it happens later
    LEFT = "left"  # the process dies, and it happens later
    PAUSED = "paused"  # the process sleeps for longer than a lease, while others work, and then it happens
    FROZEN = "frozen"  # the same, for longer than a message waits for what it announces


_HAPPENING_LATER = {Fault.LATE, Fault.LEFT}
_ASLEEP = {Fault.PAUSED, Fault.FROZEN}
_LOOKS = {
    *((ROWS, method) for method in ("get", "scan", "walk", "find", "range")),
    (BACKEND, "observe"),
    (ROLES, "permissions_of"),
}


def is_look(call: Call) -> bool:
    """Tell whether a call has no effects. One that nobody thought of is said to have some."""
    return (call.port, call.method) in _LOOKS


def faults_of(call: Call) -> list[Fault]:
    """Return what can happen to a call: storage does at once what it does, and a look has no effects.

    So whether a look had happened before its caller died, or got no answer, makes no difference to anyone.
    Workers sleep for longer than a lease, and requests for longer than their message waits.
    """
    is_action = (call.port, call.method) == (BACKEND, "start")
    sleep = Fault.PAUSED if call.by.startswith(WORKERS) else Fault.FROZEN
    without_effect = {Fault.AFTER, Fault.LOST} if is_look(call) else set()
    return [
        fault
        for fault in Fault
        if (is_action or fault not in _HAPPENING_LATER)
        and (fault is sleep or fault not in _ASLEEP)
        and fault not in without_effect
    ]


class Outside(Protocol):
    """What goes on while one call has its fault."""

    def postpone(self, perform: Perform) -> None:
        """Let a call happen later."""

    async def pause(self, fault: Fault) -> None:
        """Let time pass in which the others work."""


async def suffer(fault: Fault | None, call: Call, perform: Perform, outside: Outside) -> Any:
    """Make a call with a fault.

    Args:
        fault: What happens to it.
        call: The call.
        perform: Makes it happen.
        outside: What goes on meanwhile.

    Raises:
        Died: If the process does not live on.
        StorageUnavailable: If storage or the queue does not answer.
        BackendError: If the cloud does not.
    """
    process = running()
    await process.awake()
    process.check()
    process.has_suffered |= fault is not None
    if fault is Fault.BEFORE:
        process.die()
    if fault in _HAPPENING_LATER:
        outside.postpone(perform)
    if fault is Fault.LEFT:
        process.die()
    if fault in {Fault.REFUSED, Fault.LATE}:
        raise not_answering(call)
    if fault in _ASLEEP:
        with process.asleep():
            await outside.pause(fault)
    try:
        answer = await perform()
    except Exception:
        if fault is None or fault in _ASLEEP:
            raise
    if fault is Fault.AFTER:
        process.die()
    if fault is Fault.LOST:
        raise not_answering(call)
    await process.awake()
    process.check()
    return answer


class Plan:
    """A hook that counts the boundaries, and lets those fail that it is to.

    Args:
        faults: What happens at which boundary; the first one is 1.
        outside: What goes on meanwhile.
    """

    def __init__(self, faults: Mapping[int, Fault], outside: Outside) -> None:
        self.calls: list[Call] = []
        self.is_armed = False
        self._faults = faults
        self._outside = outside

    async def __call__(self, call: Call, perform: Perform) -> Any:
        """Make a call, with its fault if it is to have one."""
        if not self.is_armed:
            return await perform()
        self.calls.append(call)
        return await suffer(self._faults.get(len(self.calls)), call, perform, self._outside)
