"""Route templates and the route table, as ASP.NET's RouteCollection has them: the first match wins.

A literal does not win over a parameter: only the order of the table counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from devhost.app import Function
from devhost.constraints import Constraint, make_constraint


@dataclass(frozen=True)
class Parameter:
    """A `{name:constraint=default?}` of a template."""

    name: str
    constraints: tuple[Constraint, ...] = ()
    default: str | None = None
    optional: bool = False
    catch_all: bool = False


Part = str | Parameter


@dataclass(frozen=True)
class Segment:
    """What stands between two slashes of a template: literals and parameters."""

    parts: tuple[Part, ...]

    @property
    def alone(self) -> Parameter | None:
        """Return the parameter that is the whole segment, if it is one."""
        only = self.parts[0]
        return only if len(self.parts) == 1 and isinstance(only, Parameter) else None

    @cached_property
    def _patterns(self) -> list[re.Pattern[str]]:
        wholes = [self.parts]
        if len(self.parts) > 1 and isinstance(self.parts[-1], Parameter) and self.parts[-1].optional:
            wholes.append(self.parts[:-2])  # `{name}.{extension?}` also matches without the dot
        return [
            re.compile(
                "".join(re.escape(p) if isinstance(p, str) else "(.+)" for p in parts),
                re.IGNORECASE | re.DOTALL,
            )
            for parts in wholes
        ]

    def match(self, text: str) -> dict[str, str] | None:
        """Match one segment of a path, parameters greedily from the right."""
        for pattern in self._patterns:
            found = pattern.fullmatch(text)
            if found:
                names = [part.name for part in self.parts if isinstance(part, Parameter)]
                return dict(zip(names, found.groups(), strict=False))
        return None


@dataclass(frozen=True)
class Template:
    """A parsed route template."""

    segments: tuple[Segment, ...]

    @cached_property
    def parameters(self) -> list[Parameter]:
        """Return all parameters from left to right."""
        return [part for s in self.segments for part in s.parts if isinstance(part, Parameter)]

    def match(self, path: str) -> dict[str, str] | None:
        """Match a decoded path and return its route values, None if it does not match."""
        texts = path.removeprefix("/").removesuffix("/").split("/") if path.strip("/") else []
        if "" in texts or path.startswith("//"):
            return None
        values: dict[str, str] = {}
        for position, segment in enumerate(self.segments):
            parameter = segment.alone
            if parameter and parameter.catch_all:
                remainder = path.removeprefix("/").split("/", position)
                if len(remainder) > position and remainder[position]:
                    values[parameter.name] = remainder[position]
                texts = texts[: len(self.segments)]
                break
            if position >= len(texts):
                if not (parameter and (parameter.optional or parameter.default is not None)):
                    return None
                continue
            found = segment.match(texts[position])
            if found is None:
                return None
            values.update(found)
        if len(texts) > len(self.segments):
            return None
        return self._with_defaults(values)

    def _with_defaults(self, values: dict[str, str]) -> dict[str, str] | None:
        for parameter in self.parameters:
            if parameter.name not in values and parameter.default is not None:
                values[parameter.name] = parameter.default
            value = values.get(parameter.name)
            if value is None and (parameter.optional or not parameter.constraints):
                continue
            if value is None or not all(constraint(value) for constraint in parameter.constraints):
                return None
        return values


@dataclass(frozen=True)
class Route:
    """A function and the template it answers to."""

    function: Function
    template: Template


class RouteTable:
    """The routes of an app in the order in which they are tried."""

    def __init__(self, functions: Sequence[Function], prefix: str) -> None:
        self.routes = [
            Route(function, parse_template(template_of(function, prefix)))
            for function in functions
            if function.kind == "httpTrigger"
        ]

    def find(self, method: str, path: str) -> tuple[Function, dict[str, str]] | None:
        """Return the first function whose methods and template match, with its route values."""
        for route in self.routes:
            methods = route.function.methods
            if methods is not None and method.upper() not in methods:
                continue
            values = route.template.match(path)
            if values is not None:
                return route.function, values
        return None


def template_of(function: Function, prefix: str) -> str:
    """Join prefix and route (azure-webjobs-sdk-extensions, WebJobsRouteBuilder.cs)."""
    return f"{prefix}/{function.route}" if prefix else function.route.removeprefix("/")


def parse_template(text: str) -> Template:
    """Parse a route template.

    Raises:
        ValueError: ASP.NET would refuse it.
    """
    segments = [Segment(tuple(_parse_parts(part))) for part in _split_segments(text)]
    for position, segment in enumerate(segments):
        _check_segment(segment, last=position == len(segments) - 1)
    template = Template(tuple(segments))
    names = [parameter.name.lower() for parameter in template.parameters]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated:
        raise ValueError(f"the route parameter name '{repeated}' appears more than one time")
    return template


def _split_segments(text: str) -> list[str]:
    """Split at the slashes that are not inside braces."""
    segments = re.findall(r"(?:\{(?:\{\{|\}\}|[^{}])*\}|\{\{|\}\}|[^/])+|/+", text.removeprefix("/"))
    if any(len(part) > 1 and not part.strip("/") for part in segments):
        raise ValueError("a route template separator '/' cannot appear consecutively")
    return [part for part in segments if part != "/"]


def _parse_parts(segment: str) -> list[Part]:
    parts: list[Part] = []
    for braced, literal in re.findall(r"(\{(?!\{)(?:\{\{|\}\}|[^{}])*\})|((?:\{\{|\}\}|[^{}])+|[{}])", segment):
        if literal in ("{", "}"):
            raise ValueError(f"'{segment}' has an incomplete parameter")
        if "?" in literal:
            raise ValueError(f"the literal section '{literal}' is invalid: it contains '?'")
        parts.append(_parse_parameter(_unescape(braced[1:-1])) if braced else _unescape(literal))
    return parts


def _unescape(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")


def _parse_parameter(text: str) -> Parameter:
    name = re.match(r"[^:=?]*", text.lstrip("*"))
    rest = text.lstrip("*")[name.end() :] if name else ""
    constraints: list[Constraint] = []
    while rest.startswith(":"):
        # A parenthesis closes where the constraint ends, so that an expression may hold parentheses.
        found = re.match(r":([^:=(?]+)(?:\((.*?)\)(?=[:=?]|$))?", rest, re.DOTALL)
        if not found:
            raise ValueError(f"'{{{text}}}' has a malformed constraint")
        constraints.append(make_constraint(found[1], found[2]))
        rest = rest[found.end() :]
    optional = rest.endswith("?")
    default = rest.removesuffix("?")[1:] if rest.startswith("=") else None
    if rest.removesuffix("?") and default is None:
        raise ValueError(f"'{{{text}}}' is malformed at '{rest}'")
    parameter = Parameter(
        name=name[0] if name else "",
        constraints=tuple(constraints),
        default=default,
        optional=optional,
        catch_all=text.startswith("*"),
    )
    if not re.fullmatch(r"[^/{}?*]+", parameter.name):
        raise ValueError(f"the route parameter name '{parameter.name}' is invalid")
    if optional and (default is not None or parameter.catch_all):
        raise ValueError(f"'{{{text}}}' cannot be optional")
    return parameter


def _check_segment(segment: Segment, *, last: bool) -> None:
    parameters = [part for part in segment.parts if isinstance(part, Parameter)]
    if any(p.catch_all for p in parameters) and (len(segment.parts) > 1 or not last):
        raise ValueError("a catch-all parameter can only appear as the last segment")
    if any(isinstance(left, Parameter) and isinstance(right, Parameter) for left, right in pairwise(segment.parts)):
        raise ValueError("two parameters must be separated by a literal")
    if len(segment.parts) > 1:
        for position, part in enumerate(segment.parts):
            at_end = position == len(segment.parts) - 1 and segment.parts[position - 1] == "."
            if isinstance(part, Parameter) and part.optional and not at_end:
                raise ValueError(f"the optional parameter '{part.name}' must follow a '.' at the segment's end")
