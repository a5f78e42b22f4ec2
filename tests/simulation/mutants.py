"""A service with one fault, to see whether the checks notice it."""

import inspect
import textwrap
from types import FunctionType
from typing import Any, cast

import pytest

from tests.simulation.faults import Fault, faults_of
from tests.simulation.schedules import Schedule, run


def plant(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, old: str, new: str) -> None:
    """Change one piece of a function, method or property, wherever it is already known.

    Raises:
        ValueError: If the piece is not there, or not only once.
    """
    found = inspect.getattr_static(owner, name)
    function = cast("FunctionType", found.fget if isinstance(found, property) else found)
    source = textwrap.dedent(inspect.getsource(function)).removeprefix("@property\n")
    if source.count(old) != 1:
        raise ValueError(f"'{old}' is {source.count(old)} times in '{name}'.")
    made: dict[str, FunctionType] = {}
    exec(compile(source.replace(old, new), function.__code__.co_filename, "exec"), function.__globals__, made)  # noqa: S102
    monkeypatch.setattr(function, "__code__", made[name].__code__)


async def told_of(flow: str, fault: Fault) -> str:
    """Return everything that is wrong with a flow that has this fault, once, wherever it can have it."""
    calls = (await run(Schedule(flow))).calls
    ordinals = [ordinal for ordinal, call in enumerate(calls, 1) if fault in faults_of(call)]
    return "; ".join([one for ordinal in ordinals for one in (await run(Schedule(flow, ((ordinal, fault),)))).problems])
