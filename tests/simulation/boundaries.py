"""Every effect boundary, found by looking at a port: each of its async methods is one."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from tests.simulation.processes import running

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a port."""

    port: str
    method: str
    arguments: tuple[Any, ...] = ()
    by: str = ""  # the name of the process

    def __str__(self) -> str:
        return f"{self.port}.{self.method}"


Perform = Callable[[], Awaitable[Any]]
Hook = Callable[[Call, Perform], Awaitable[Any]]
"""Stands at a boundary: gets the call and what would make it happen, and returns or raises what the caller sees."""


def guard(target: T, port: str, hook: Hook) -> T:
    """Return an object whose public async methods are those of the target, each passed through a hook.

    Methods are looked up when they are called, so that one which is added later is guarded like the others.

    Raises:
        TypeError: When an async generator is asked for: where its effects are cannot be told.
    """
    return cast("T", _Guarded(target, port, hook))


class _Guarded:
    def __init__(self, target: object, port: str, hook: Hook) -> None:
        self._target = target
        self._port = port
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._target, name)
        if inspect.isasyncgenfunction(member):
            raise TypeError(f"'{self._port}.{name}' is an async generator; a port has calls only.")
        if not inspect.iscoroutinefunction(member):
            return member

        async def call(*arguments: Any, **named: Any) -> Any:
            made = Call(self._port, name, (*arguments, *named.values()), running().name)
            return await self._hook(made, lambda: member(*arguments, **named))

        setattr(self, name, call)
        return call


def async_methods(port: type) -> set[str]:
    """Return the names of a port's public async methods."""
    return {name for name, member in inspect.getmembers(port, inspect.iscoroutinefunction) if not name.startswith("_")}
