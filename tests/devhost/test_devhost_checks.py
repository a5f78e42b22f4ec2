"""Apps that are refused, and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from devhost.app import index, load
from devhost.checks import check
from devhost.connections import DEVELOPMENT_STORAGE, resolve_connection
from devhost.refusal import RefusedError

_ENVIRONMENT = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "QUEUE": "From-Settings"}


def _http(name: str = "fine", **route: Any) -> Callable[[func.FunctionApp], None]:
    def add(app: func.FunctionApp) -> None:
        @app.function_name(name)
        @app.route(**route)
        def handler(req: func.HttpRequest) -> func.HttpResponse:
            return func.HttpResponse()

    return add


def _queue(queue: str = "work", connection: str = "Storage", arg: str = "msg") -> Callable[[func.FunctionApp], None]:
    def add(app: func.FunctionApp) -> None:
        @app.function_name("reader")
        @app.queue_trigger(arg_name=arg, queue_name=queue, connection=connection)
        def handler(msg: func.QueueMessage) -> None:
            return None

    return add


def _timer(schedule: str) -> Callable[[func.FunctionApp], None]:
    def add(app: func.FunctionApp) -> None:
        @app.function_name("ticker")
        @app.timer_trigger(arg_name="tick", schedule=schedule)
        def handler(tick: func.TimerRequest) -> None:
            return None

    return add


def _signature(function: Callable[..., Any]) -> Callable[[func.FunctionApp], None]:
    def add(app: func.FunctionApp) -> None:
        app.function_name("odd")(app.route(route="odd")(function))

    return add


def _unknown_parameter(req: func.HttpRequest, more: str) -> func.HttpResponse:
    raise NotImplementedError


def _missing_parameter() -> func.HttpResponse:
    raise NotImplementedError


def _wrong_annotation(req: int) -> func.HttpResponse:
    raise NotImplementedError


def _unknown_annotation(req: Nonsense) -> func.HttpResponse:  # type: ignore[name-defined]  # noqa: F821 - the case
    raise NotImplementedError


def _wrong_return(req: func.HttpRequest) -> func.HttpResponse | None:
    raise NotImplementedError


def _optional_context(req: func.HttpRequest, context: func.Context | None) -> func.HttpResponse:
    raise NotImplementedError


def _blob(app: func.FunctionApp) -> None:
    @app.blob_trigger(arg_name="blob", path="a/{b}", connection="Storage")
    def on_blob(blob: func.InputStream) -> None:
        return None


def _two_triggers(app: func.FunctionApp) -> None:
    @app.route(route="two")
    @app.generic_input_binding(arg_name="msg", type="queueTrigger")
    def torn(req: func.HttpRequest, msg: str) -> func.HttpResponse:
        raise NotImplementedError


def _queue_output(app: func.FunctionApp) -> None:
    @app.route(route="out")
    @app.queue_output(arg_name="out", queue_name="q", connection="Storage")
    def writer(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
        raise NotImplementedError


REFUSED = [
    ("a name that begins with a digit", [_http("1st")], "'1st' is not a valid function name"),
    ("a name with a dot", [_http("a.b")], "'a.b' is not a valid function name"),
    ("the name host", [_http("Host")], "'Host' is not a valid function name"),
    ("two names that differ in case", [_http("Same", route="a"), _http("same", route="b")], "used twice"),
    ("a binding name with an underscore", [_queue(arg="my_msg")], "The binding name my_msg is invalid"),
    ("a route that begins with admin", [_http(route="Admin-tools")], "conflicts with one or more built in routes"),
    ("a route that begins with runtime", [_http(route="runtime/x")], "conflicts with one or more built in routes"),
    ("a malformed route", [_http(route="{a")], "The route '{a' is invalid"),
    ("a route that begins with a slash", [_http(route="/a")], "The route '/a' is invalid"),
    (
        "equal routes with a method in common",
        [_http("a", route="same/{id}", methods=["GET", "PUT"]), _http("b", route="Same/{id}", methods=["PUT"])],
        "The 'b' function is in error: The route specified conflicts with the route defined by function 'a'",
    ),
    (
        "equal routes when one has no methods",
        [_http("a", route="same"), _http("b", route="same", methods=["PUT"])],
        "conflicts with the route defined by function 'a'",
    ),
    ("a placeholder without a value", [_queue("%NOTHING%")], "'%NOTHING%' does not resolve to a value"),
    ("a placeholder that is not closed", [_queue("50%")], "does not have a closing '%'"),
    ("a queue name with an underscore", [_queue("my_queue")], "'my_queue' is not a valid queue name"),
    ("a queue name with two dashes", [_queue("my--queue")], "'my--queue' is not a valid queue name"),
    ("a queue name that is too short", [_queue("ab")], "'ab' is not a valid queue name"),
    ("a connection that does not exist", [_queue(connection="Other")], "'AzureWebJobsOther' or 'Other' does not exist"),
    ("a malformed schedule", [_timer("every day")], "The schedule 'every day' was not recognized"),
    ("a parameter without a binding", [_signature(_unknown_parameter)], "not in the function definition: ['more']"),
    ("a binding without a parameter", [_signature(_missing_parameter)], "not present in Python: ['req']"),
    ("two triggers", [_two_triggers], "it has 2 triggers, not one"),
    ("an annotation that does not exist", [_signature(_unknown_annotation)], "annotations cannot be resolved"),
    ("a wrong annotation", [_signature(_wrong_annotation)], "does not match its Python annotation"),
    ("a wrong return annotation", [_signature(_wrong_return)], "must be HttpResponse or str"),
    ("a context that may be missing", [_signature(_optional_context)], "must be azure.functions.Context itself"),
    ("a trigger that is not modelled", [_blob], "binding 'blob' of type 'blobTrigger' is not modelled"),
    ("an output that is not modelled", [_queue_output], "binding 'out' of type 'queue' is not modelled"),
]


@pytest.mark.parametrize(("adders", "problem"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_an_app_is_refused(adders: list[Callable[[func.FunctionApp], None]], problem: str) -> None:
    """An app that the real host refuses, or this one does not model, is refused with the reason."""
    app = func.FunctionApp()
    for add in adders:
        add(app)
    with pytest.raises(RefusedError) as refusal:
        check(index(app), "api", _ENVIRONMENT)
    assert any(line.startswith("The '") and problem in line for line in refusal.value.problems)


def test_all_problems_are_reported_at_once() -> None:
    """Every function in error has a line of its own."""
    app = func.FunctionApp()
    _http("1st")(app)
    _timer("x")(app)
    with pytest.raises(RefusedError) as refusal:
        check(index(app), "api", _ENVIRONMENT)
    assert len(refusal.value.problems) == 2


ACCEPTED = [
    (
        "equal routes without a method in common",
        [_http("a", route="s", methods=["GET"]), _http("b", route="s", methods=["PUT"])],
    ),
    ("a leading slash where there is no prefix", [_http(route="/a")]),
    ("a queue name from the settings", [_queue("%QUEUE%")]),
    ("a connection by its full name", [_queue(connection="AzureWebJobsStorage")]),
    ("a time span", [_timer("00:05:00")]),
]


@pytest.mark.parametrize("adders", [case[1] for case in ACCEPTED], ids=[case[0] for case in ACCEPTED])
def test_an_app_is_accepted(adders: list[Callable[[func.FunctionApp], None]]) -> None:
    """What the real host runs passes."""
    app = func.FunctionApp()
    for add in adders:
        add(app)
    check(index(app), "", _ENVIRONMENT)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("x = 1", "Could not find top level function app instances"),
        ("import azure.functions as f\na = f.FunctionApp()\nb = f.FunctionApp()", "More than one FunctionApp"),
        ("import azure.functions as f\na = f.FunctionApp()\nb = a", "More than one FunctionApp"),
    ],
)
def test_a_script_must_hold_one_app(source: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module without an app, with two, or with one under two names is refused, as the worker does."""
    name = f"app_{abs(hash(source))}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RefusedError, match=problem):
        load(tmp_path, {"PYTHON_SCRIPT_FILE_NAME": f"{name}.py"})


def test_a_missing_script_is_refused(tmp_path: Path) -> None:
    """A folder without function_app.py has no job functions."""
    with pytest.raises(RefusedError, match="no job functions found"):
        load(tmp_path, {})


def test_an_app_without_functions_is_refused() -> None:
    """Zero functions are an error, also if host.json's list leaves none."""
    app = func.FunctionApp()
    _http()(app)
    with pytest.raises(RefusedError, match="No job functions found"):
        index(app, allowed=["other"])


def test_a_name_used_twice_is_refused_by_the_library() -> None:
    """The library's own refusal is shown as one."""
    app = func.FunctionApp()
    _http("same", route="a")(app)
    _http("same", route="b")(app)
    with pytest.raises(RefusedError, match="unique"):
        index(app)


def test_a_connection_is_looked_up_with_the_prefix_first() -> None:
    """`AzureWebJobs<name>` wins over `<name>`, and ConnectionStrings over both."""
    environment = {"Data": "plain", "AzureWebJobsData": "prefixed"}
    assert resolve_connection("Data", environment) == "prefixed"
    assert resolve_connection("Data", {**environment, "ConnectionStrings:AzureWebJobsData": "section"}) == "section"
    assert resolve_connection("Data", {"Data": "UseDevelopmentStorage=true"}) == DEVELOPMENT_STORAGE


def test_an_identity_connection_is_refused() -> None:
    """A section instead of a connection string means an identity, which is not modelled."""
    with pytest.raises(ValueError, match="identity"):
        resolve_connection("Data", {"Data__accountName": "x"})
