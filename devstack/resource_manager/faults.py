"""Faults by script: the next requests that match are answered with an error instead."""

import re
from dataclasses import dataclass, field
from typing import Any, Self

from devstack.resource_manager.messages import ArmError, Request


@dataclass(slots=True)
class Fault:
    """What goes wrong, where and how often. `after` lets the request take effect and loses only its answer."""

    method: str
    path: str  # a regular expression, searched for in the path whatever its case
    status: int
    code: str = "InternalServerError"
    message: str = "A fault by script."
    count: int = 1
    after: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    additional_info: list[Any] | None = None

    @classmethod
    def read(cls, given: dict[str, Any]) -> Self:
        """Return a fault from JSON."""
        return cls(**given)

    def matches(self, request: Request) -> bool:
        """Tell whether it is to go wrong."""
        return (
            self.count > 0
            and request.method == self.method
            and re.search(self.path, request.path, re.IGNORECASE) is not None
        )

    def error(self) -> ArmError:
        """Return what the client gets."""
        return ArmError(
            self.status, self.code, self.message, headers=self.headers, additional_info=self.additional_info
        )


class Faults:
    """The faults that are still to come."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a fault come."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Let none come any more."""
        self._faults.clear()

    def strike(self, request: Request) -> Fault | None:
        """Return the fault that a request meets, and count it."""
        for fault in self._faults:
            if fault.matches(request):
                fault.count -= 1
                return fault
        return None
