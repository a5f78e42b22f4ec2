"""Every effect boundary, found by looking at a port: each of its async methods is one."""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
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
        TypeError: When something is waited for that is not a call of an async method: an async generator, an async
            context manager, or what a plain method returns to be awaited. Where its effects are cannot be told.
    """
    return cast("T", _Guarded(target, port, hook))


class _Guarded:
    def __init__(self, target: object, port: str, hook: Hook) -> None:
        self._target = target
        self._port = port
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._target, name)
        if not inspect.iscoroutinefunction(member):
            return self._plain(name, member) if callable(member) else member

        async def call(*arguments: Any, **named: Any) -> Any:
            made = Call(self._port, name, (*arguments, *named.values()), running().name)
            return await self._hook(made, lambda: member(*arguments, **named))

        setattr(self, name, call)
        return call

    def _plain(self, name: str, member: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            answer = member(*arguments, **named)
            if any(hasattr(answer, mark) for mark in _WAITED_FOR):
                raise TypeError(f"'{self._port}.{name}' is waited for, but no async method; a port has calls only.")
            return answer

        return call


_WAITED_FOR = ("__await__", "__aenter__", "__aiter__")


def has_async_methods(target: object) -> bool:
    """Tell whether something has public methods that are waited for."""
    public = [member for name, member in inspect.getmembers(type(target)) if not name.startswith("_")]
    return any(inspect.iscoroutinefunction(member) or inspect.isasyncgenfunction(member) for member in public)


def unguarded(target: object, name: str) -> Iterator[str]:
    """Yield the name of everything that has effects and is not guarded, whatever it is made of.

    Something that is made of guarded parts alone, as a store of its rows, has no effects but theirs.
    """
    if isinstance(target, _Guarded):
        return
    if is_dataclass(target):
        for field in fields(target):
            yield from unguarded(getattr(target, field.name), f"{name}.{field.name}")
    elif isinstance(target, Sequence) and not isinstance(target, str | bytes):
        for item in target:
            yield from unguarded(item, name)
    elif has_async_methods(target) and not _is_made_of_guarded_parts(target):
        yield name


def _is_made_of_guarded_parts(target: object) -> bool:
    parts = list(vars(target).values())
    is_guarded = any(isinstance(part, _Guarded) for part in parts)
    return is_guarded and not any(has_async_methods(part) for part in parts if not isinstance(part, _Guarded))
