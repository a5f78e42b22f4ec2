"""The inline constraints of route templates (aspnetcore, RouteOptions.cs GetDefaultConstraintMap)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

Constraint = Callable[[str], bool]

_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*")
_DECIMAL = re.compile(r"\s*[+-]?(?=\.?[0-9])[0-9]*(?:,[0-9]+)*(?:\.[0-9]*)?\s*[+-]?\s*")
_FLOAT = re.compile(r"\s*(?:[+-]?(?=\.?[0-9])[0-9]*(?:,[0-9]+)*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|-?Infinity|NaN)\s*")
_GUID_BODY = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_GUID = re.compile(rf"\s*(?:[0-9a-fA-F]{{32}}|{_GUID_BODY}|\{{{_GUID_BODY}\}}|\({_GUID_BODY}\))\s*")
_ALPHA = re.compile(r"[A-Za-z]*")


def make_constraint(name: str, argument: str | None) -> Constraint:
    """Return the test that a route value has to pass.

    Args:
        name: The constraint as it is written in the template, for example `length`.
        argument: The text between its parentheses, None if there are none.

    Raises:
        ValueError: There is no such constraint, or its argument is not one.
    """
    key = name.lower()
    if argument is None and key in _PLAIN:
        return _PLAIN[key]
    if argument is not None and key in _WITH_ARGUMENT:
        return _WITH_ARGUMENT[key](argument)
    written = name if argument is None else f"{name}({argument})"
    raise ValueError(f"the inline constraint '{written}' could not be resolved")


def _integer_of(bits: int) -> Constraint:
    limit = 1 << (bits - 1)
    return lambda value: bool(_INTEGER.fullmatch(value)) and -limit <= int(value) < limit


def _is_datetime(value: str) -> bool:
    """Accept ISO 8601: of all the forms that .NET accepts the one that belongs in a URL."""
    try:
        datetime.fromisoformat(value.strip())
    except ValueError:
        return False
    return True


def _is_file(value: str) -> bool:
    """Tell whether the last segment has an extension (aspnetcore, FileNameRouteConstraint.cs)."""
    _, dot, extension = value.rpartition("/")[2].partition(".")
    return bool(dot) and bool(extension.strip("."))


def _length(argument: str) -> Constraint:
    numbers = [int(part) for part in argument.split(",")]
    low, high = (numbers * 2)[:2]
    return lambda value: low <= len(value) <= high


def _bounds(low: int | None, high: int | None) -> Constraint:
    is_long = _integer_of(64)

    def test(value: str) -> bool:
        return is_long(value) and (low is None or int(value) >= low) and (high is None or int(value) <= high)

    return test


def _range(argument: str) -> Constraint:
    low, high = (int(part) for part in argument.split(","))
    return _bounds(low, high)


def _regex(argument: str) -> Constraint:
    """Search without anchors, ignoring case (aspnetcore, RegexRouteConstraint.cs)."""
    try:
        pattern = re.compile(argument, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"the regular expression {argument!r}: {error}") from error
    return lambda value: pattern.search(value) is not None


_PLAIN: dict[str, Constraint] = {
    "alpha": lambda value: _ALPHA.fullmatch(value) is not None,
    "bool": lambda value: value.strip().lower() in ("true", "false"),
    "datetime": _is_datetime,
    "decimal": lambda value: _DECIMAL.fullmatch(value) is not None,
    "double": lambda value: _FLOAT.fullmatch(value) is not None,
    "file": _is_file,
    "float": lambda value: _FLOAT.fullmatch(value) is not None,
    "guid": lambda value: _GUID.fullmatch(value) is not None,
    "int": _integer_of(32),
    "long": _integer_of(64),
    "nonfile": lambda value: not _is_file(value),
    "required": lambda value: value != "",
}
_WITH_ARGUMENT: dict[str, Callable[[str], Constraint]] = {
    "length": _length,
    "max": lambda argument: _bounds(None, int(argument)),
    "maxlength": lambda argument: _bounds_of_length(0, int(argument)),
    "min": lambda argument: _bounds(int(argument), None),
    "minlength": lambda argument: _bounds_of_length(int(argument), None),
    "range": _range,
    "regex": _regex,
}


def _bounds_of_length(low: int, high: int | None) -> Constraint:
    return lambda value: low <= len(value) and (high is None or len(value) <= high)
