"""What can go wrong with one call, and a plan of which calls it goes wrong with."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from tests.simulation.boundaries import Call, Perform
from tests.simulation.processes import running
from tests.simulation.world import BACKEND, not_answering


class Fault(StrEnum):
    """What happens to a call."""

    BEFORE = "before"  # the process dies, and nothing has happened
    AFTER = "after"  # it has happened, and the process dies
    LOST = "lost"  # it has happened, and the caller is told that nothing answers
    REFUSED = "refused"  # it has not happened, and the caller is told that nothing answers
    LATE = "late"  # the caller is told that nothing answers, and it happens later
    LEFT = "left"  # the process dies, and it happens later


_HAPPENING_LATER = {Fault.LATE, Fault.LEFT}


def faults_of(call: Call) -> list[Fault]:
    """Return what can happen to a call: storage does at once what it does, and a look has no effects."""
    is_action = (call.port, call.method) == (BACKEND, "start")
    return [fault for fault in Fault if is_action or fault not in _HAPPENING_LATER]


async def suffer(fault: Fault | None, call: Call, perform: Perform, postpone: Callable[[Perform], None]) -> Any:
    """Make a call with a fault.

    Args:
        fault: What happens to it.
        call: The call.
        perform: Makes it happen.
        postpone: Lets it happen later.

    Raises:
        Died: If the process does not live on.
        StorageUnavailable: If storage or the queue does not answer.
        BackendError: If the cloud does not.
    """
    process = running()
    process.check()
    if fault is Fault.BEFORE:
        process.die()
    if fault in _HAPPENING_LATER:
        postpone(perform)
    if fault is Fault.LEFT:
        process.die()
    if fault in {Fault.REFUSED, Fault.LATE}:
        raise not_answering(call)
    try:
        answer = await perform()
    except Exception:
        if fault is None:
            raise
    if fault is Fault.AFTER:
        process.die()
    if fault is Fault.LOST:
        raise not_answering(call)
    process.check()
    return answer


class Plan:
    """A hook that counts the boundaries, and lets those fail that it is to.

    Args:
        faults: What happens at which boundary; the first one is 1.
        postpone: Lets a call happen later.
    """

    def __init__(self, faults: Mapping[int, Fault], postpone: Callable[[Perform], None]) -> None:
        self.calls: list[Call] = []
        self.is_armed = False
        self._faults = faults
        self._postpone = postpone

    async def __call__(self, call: Call, perform: Perform) -> Any:
        """Make a call, with its fault if it is to have one."""
        if not self.is_armed:
            return await perform()
        self.calls.append(call)
        return await suffer(self._faults.get(len(self.calls)), call, perform, self._postpone)
