"""Requests and answers at the rim, with twins of everything behind it."""

import asyncio
import json
from typing import Any

import azure.functions as func
import pytest

from registry_api import bootstrap
from registry_api.access import identity
from registry_api.bootstrap import App, RandomIds, SystemClock
from registry_api.domain.problems import Code, Problem
from registry_api.domain.registry import RegistryKey
from registry_api.http import rim
from registry_api.http.bodies import ErrorBody
from registry_api.http.errors import error_answer
from registry_api.http.messages import Answer, Request
from registry_api.http.rim import _function_of, no_such_route
from registry_api.http.routes import ROUTES, Route
from registry_api.service.ports import Ports, StorageUnavailable
from registry_api.settings import Settings, SettingsError
from registry_api.storage.memory import MemoryQueue, MemoryRows
from registry_api.storage.store import RegistryStore

PUBLIC = {"get_health", "get_readiness", "get_openapi", "get_registry_schema", "get_docs", "get_docs_file"}
ROUTE = {route.name: route for route in ROUTES}
SETTINGS = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}


def app_for(environment: dict[str, str]) -> App:
    """Return an app on twins of its storage."""
    settings = Settings.read(environment)
    clock = SystemClock()
    ports = Ports(RegistryStore(MemoryRows()), MemoryQueue(clock), clock, RandomIds())
    return App(settings, ports, identity.developer(settings))


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """Put an app on twins in the place of the real one."""
    app = app_for(SETTINGS)
    monkeypatch.setattr(bootstrap, "app", lambda: app)
    return app


def request(method: str = "GET", path: str = "registries/Demo1", body: bytes = b"", **headers: str) -> func.HttpRequest:
    """Return a request as the host hands it over."""
    return func.HttpRequest(
        method,
        f"http://localhost:7071/api/{path}",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        params={},
        route_params={"name": path.rpartition("/")[2], "path": path},
        body=body,
    )


def body_of(response: func.HttpResponse) -> Any:
    """Return what an answer's body says."""
    return json.loads(response.get_body())


async def test_an_unforeseen_error_shows_nothing(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """A bug is a 500 in our own format that reveals nothing, and its trace is in the log."""

    async def broken(_: Request, __: App) -> Answer:
        raise RuntimeError("secret")

    response = await _function_of(Route("GET", "broken", broken, {}))(request())

    assert response.status_code == 500
    assert body_of(response)["error"]["code"] == "InternalError"
    assert b"secret" not in response.get_body()
    assert "secret" in caplog.text


async def test_missing_settings_are_a_clear_log_and_a_plain_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An app without its settings answers 500, and the log names what is missing but no value."""

    def fail() -> App:
        return app_for({"REGISTRY_BACKEND": f"hunter{1 + 1}"})  # the trace shows this line

    monkeypatch.setattr(bootstrap, "app", fail)
    response = await _function_of(ROUTE["get_registry"])(request())

    assert response.status_code == 500
    assert "AzureWebJobsStorage" in caplog.text
    assert "hunter2" not in caplog.text


async def test_storage_that_is_away_is_told(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """When storage does not answer, the caller is told to come again."""

    async def away(*_: object) -> None:
        raise StorageUnavailable("account key")

    monkeypatch.setattr(app.ports.store, "read", away)
    response = await _function_of(ROUTE["get_registry"])(request())

    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert b"account key" not in response.get_body()


async def test_nobody_is_let_in_outside_of_development(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the host does not say that it is a developer's machine, every caller is refused and nothing is written."""
    app = app_for(SETTINGS | {"AZURE_FUNCTIONS_ENVIRONMENT": "Production"})
    monkeypatch.setattr(bootstrap, "app", lambda: app)

    for route in ROUTES:
        if route.name in PUBLIC:
            continue
        response = await _function_of(route)(request(route.method, body=b"location: eastus"))
        assert (response.status_code, body_of(response)["error"]["code"]) == (401, "Unauthenticated")
    assert await app.ports.store.read(RegistryKey("tenant", "demo1")) is None


async def test_request_ids_are_given_and_echoed(app: App) -> None:
    """Every answer has an id of its own; the caller's id comes back, unless it could break a header."""
    handler = _function_of(ROUTE["get_registry"])
    echoed = await handler(request(x_ms_client_request_id="mine"))
    dropped = await handler(request(x_ms_client_request_id="mine\r\nx: y"))

    assert echoed.headers["x-ms-client-request-id"] == "mine"
    assert "x-ms-client-request-id" not in dropped.headers
    assert echoed.headers["x-ms-request-id"] != dropped.headers["x-ms-request-id"]


async def test_the_trace_goes_with_the_message(app: App) -> None:
    """The caller's trace context is kept with the operation and travels with its message."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await _function_of(ROUTE["put_registry"])(request("PUT", body=b"location: eastus", traceparent=trace))

    assert isinstance(app.ports.queue, MemoryQueue)
    (message,) = app.ports.queue.messages()
    assert json.loads(message)["traceparent"] == trace


async def test_a_traceparent_that_is_none_is_dropped(app: App) -> None:
    """Text in the place of a trace context goes no further than the rim."""
    await _function_of(ROUTE["put_registry"])(request("PUT", body=b"location: eastus", traceparent="x" * 50000))

    assert isinstance(app.ports.queue, MemoryQueue)
    (message,) = app.ports.queue.messages()
    assert "traceparent" not in json.loads(message)


async def test_a_host_that_is_none_is_refused(app: App) -> None:
    """Links are made with the caller's Host, so it must be one."""
    odd = func.HttpRequest("GET", "http://[x/api/registries/a", headers={}, params={}, route_params={}, body=b"")
    response = await _function_of(ROUTE["get_registry"])(odd)

    assert (response.status_code, body_of(response)["error"]["code"]) == (400, "InvalidHeader")


async def test_a_request_that_takes_too_long_is_answered(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller is answered in time, however slow storage is."""

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(app.ports.store, "read", hang)
    monkeypatch.setattr(rim, "_ANSWER_WITHIN", 0.01)
    response = await _function_of(ROUTE["get_registry"])(request())

    assert (response.status_code, body_of(response)["error"]["code"]) == (503, "StorageUnavailable")


def test_very_many_problems_are_counted_and_the_first_told() -> None:
    """An answer stays readable: it says how many problems there are and tells the first hundred."""
    answer = error_answer([Problem(Code.UNKNOWN_FIELD, "x")] * 250)

    assert isinstance(answer.body, ErrorBody)
    assert answer.body.error.message == "250 problems were found. The first 100 are told."
    assert len(answer.body.error.details or ()) == 100


async def test_a_wrong_method_names_the_right_ones() -> None:
    """A known path with another method is our own 405, an unknown path our own 404."""
    wrong = await no_such_route(request("TRACE", "registries"))
    unknown = await no_such_route(request("GET", "regsitries"))

    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    assert (unknown.status_code, body_of(unknown)["error"]["code"]) == (404, "ResourceNotFound")


def test_settings_name_what_is_wrong_but_never_a_value() -> None:
    """A setting that is missing or wrong is named; its value, which may be a secret, is not."""
    with pytest.raises(SettingsError, match="AzureWebJobsStorage") as caught:
        Settings.read({"REGISTRY_BACKEND": "hunter2"})

    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(Settings.read({"AzureWebJobsStorage": "AccountName=x;AccountKey=hunter2"}))


def test_operation_ids_sort_from_new_to_old() -> None:
    """The ids of one registry's operations are in the order of a list that begins with the newest."""
    ids, now, key = RandomIds(), SystemClock().now(), RegistryKey("tenant", "demo1")
    older = ids.operation_id(key, now.replace(year=2025))
    newer = ids.operation_id(key, now.replace(year=2026))

    assert newer < older
