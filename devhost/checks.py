"""Find what the real host or worker would refuse, and what this host does not model, before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from azure.functions import Context, HttpRequest, HttpResponse, QueueMessage, TimerRequest

from devhost.app import Function
from devhost.connections import resolve_connection
from devhost.ncrontab import parse_schedule
from devhost.refusal import RefusedError
from devhost.routes import parse_template, template_of
from devhost.settings import resolve_placeholders

_FUNCTION_NAME = re.compile(r"[a-z][a-z0-9_-]{0,127}", re.IGNORECASE)
_BINDING_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]{0,127}|\$return")
_QUEUE_NAME = re.compile(r"(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*")
_INPUT_TYPES = {"httpTrigger": HttpRequest, "queueTrigger": QueueMessage, "timerTrigger": TimerRequest}


def check(functions: Sequence[Function], prefix: str, environment: Mapping[str, str]) -> None:
    """Check all functions and report all that is wrong with them.

    Raises:
        RefusedError: With one line per problem, in the real host's words where it has some.
    """
    problems = [
        f"The '{function.name}' function is in error: {problem}"
        for function in functions
        for problem in _problems_of(function, prefix, environment)
    ]
    problems += _duplicates(functions, prefix)
    if problems:
        raise RefusedError(*problems)


def _problems_of(function: Function, prefix: str, environment: Mapping[str, str]) -> Iterator[str]:
    if not _FUNCTION_NAME.fullmatch(function.name) or function.name.lower() == "host":
        yield f"'{function.name}' is not a valid function name."  # azure-functions-host, Utility.cs
    for binding in function.bindings:
        if not _BINDING_NAME.fullmatch(binding["name"]):
            yield (
                f"The binding name {binding['name']} is invalid. Please assign a valid name to the binding: "
                "a letter, then letters and digits, no underscore."  # azure-functions-host, Utility.cs
            )
    unmodelled = [
        f"the binding '{binding['name']}' of type '{binding['type']}'"
        for binding in function.bindings
        if binding["type"] not in (*_INPUT_TYPES, "http")
    ]
    if len(function.triggers) != 1 and not unmodelled:
        yield f"it has {len(function.triggers)} triggers, not one."
        return
    if unmodelled:
        yield f"{', '.join(unmodelled)} is not modelled by this host."
        return
    yield from _signature_problems(function)
    yield from _TRIGGER_CHECKS[function.kind](function, prefix, environment)


def _http_problems(function: Function, prefix: str, environment: Mapping[str, str]) -> Iterator[str]:
    del environment
    if re.match("admin|runtime", function.route.lstrip("/"), re.IGNORECASE):
        # azure-functions-host, ScriptHost.cs ValidateHttpFunction
        yield "The specified route conflicts with one or more built in routes."
    try:
        parse_template(template_of(function, prefix))
    except ValueError as error:
        yield f"The route '{function.route}' is invalid: {error}."


def _queue_problems(function: Function, prefix: str, environment: Mapping[str, str]) -> Iterator[str]:
    del prefix
    try:
        queue = resolve_placeholders(function.trigger["queueName"], environment).lower()
    except ValueError as error:
        yield str(error)
    else:
        if not _QUEUE_NAME.fullmatch(queue):
            yield f"'{queue}' is not a valid queue name: 3 to 63 letters, digits and single dashes."
    try:
        resolve_connection(function.trigger["connection"], environment)
    except ValueError as error:
        yield str(error)


def _timer_problems(function: Function, prefix: str, environment: Mapping[str, str]) -> Iterator[str]:
    del prefix
    schedule = function.trigger["schedule"]
    try:
        parse_schedule(resolve_placeholders(schedule, environment))
    except ValueError as error:
        yield f"The schedule '{schedule}' was not recognized as a valid cron expression or time span: {error}."


_Check = Callable[[Function, str, Mapping[str, str]], Iterator[str]]
_TRIGGER_CHECKS: dict[str, _Check] = {
    "httpTrigger": _http_problems,
    "queueTrigger": _queue_problems,
    "timerTrigger": _timer_problems,
}


def _signature_problems(function: Function) -> Iterator[str]:
    """Check the Python signature against the bindings (azure-functions-python-worker, functions.py)."""
    bound = {str(binding["name"]) for binding in function.bindings} - {"$return"}
    declared = set(function.parameters) - ({"context"} if function.wants_context else set())
    if declared - bound:
        yield f"parameters declared in Python but not in the function definition: {sorted(declared - bound)}."
    if bound - declared:
        yield f"parameters declared as bindings but not present in Python: {sorted(bound - declared)}."
    try:
        annotations = function.annotations
    except NameError as error:
        yield f"its annotations cannot be resolved: {error}."
        return
    argument = str(function.trigger["name"])
    annotation: Any = annotations.get(argument, _INPUT_TYPES[function.kind])
    as_text = function.kind == "queueTrigger" and annotation in (str, bytes)
    if not (as_text or _is_a(_INPUT_TYPES[function.kind], annotation)):
        yield f"the type of {argument} in the binding does not match its Python annotation {annotation!r}."
    context: Any = annotations.get("context", Context)
    if function.wants_context and getattr(context, "__name__", "") != Context.__name__:
        yield f"the type of context must be azure.functions.Context itself, not {context!r}."
    returned: Any = annotations.get("return", HttpResponse)
    if function.kind == "httpTrigger" and not (returned is str or _is_a(HttpResponse, returned)):
        yield f"its return annotation must be HttpResponse or str, not {returned!r}."


def _is_a(expected: type, annotation: Any) -> bool:
    """Accept the library's public class, its implementation and its abstract base."""
    return (
        isinstance(annotation, type)
        and (issubclass(expected, annotation) or issubclass(annotation, expected))
        and annotation is not object
    )


def _duplicates(functions: Sequence[Function], prefix: str) -> Iterator[str]:
    names: set[str] = set()
    served: list[tuple[str, Function]] = []
    for function in functions:
        if function.name.lower() in names:
            yield f"The '{function.name}' function is in error: the name is used twice, ignoring case."
        names.add(function.name.lower())
        if [binding["type"] for binding in function.triggers] != ["httpTrigger"]:
            continue
        template = template_of(function, prefix).strip("/").lower()
        for other_template, other in served:
            if template == other_template and _overlap(function, other):
                # azure-functions-host, ScriptHost.cs ValidateHttpFunction
                yield (
                    f"The '{function.name}' function is in error: The route specified conflicts with the "
                    f"route defined by function '{other.name}'."
                )
                break
        served.append((template, function))


def _overlap(left: Function, right: Function) -> bool:
    return left.methods is None or right.methods is None or bool(left.methods & right.methods)
