"""A service with one fault, to see whether the checks notice it."""

import inspect
import textwrap
from types import FunctionType
from typing import Any

import pytest

from tests.simulation.faults import Fault, faults_of
from tests.simulation.schedules import Schedule, run


def plant(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, old: str, new: str) -> None:
    """Put a function or method in the place of another whose source differs in one piece.

    Raises:
        ValueError: If the piece is not there, or not only once.
    """
    function = inspect.getattr_static(owner, name)
    is_property = isinstance(function, property)
    inner: FunctionType = function.fget if is_property else function
    source = textwrap.dedent(inspect.getsource(inner))
    if source.count(old) != 1:
        raise ValueError(f"'{old}' is {source.count(old)} times in '{name}'.")
    made: dict[str, Any] = {}
    exec(compile(source.replace(old, new), f"<fault in {name}>", "exec"), inner.__globals__, made)  # noqa: S102 - our own source
    monkeypatch.setattr(owner, name, made[name])


async def told_of(flow: str, fault: Fault) -> str:
    """Return everything that is wrong with a flow that has this fault, once, wherever it can have it."""
    calls = (await run(Schedule(flow))).calls
    ordinals = [ordinal for ordinal, call in enumerate(calls, 1) if fault in faults_of(call)]
    return "; ".join([one for ordinal in ordinals for one in (await run(Schedule(flow, ((ordinal, fault),)))).problems])
