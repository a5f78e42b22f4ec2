"""A service with one fault, to see whether the checks notice it."""

import inspect
import textwrap
from types import FunctionType
from typing import Any

import pytest


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
