"""Requests and answers at the rim, with twins of everything behind it."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest
from azure.monitor.opentelemetry.exporter._connection_string_parser import ConnectionStringParser

from registry_api import bootstrap
from registry_api.access.roles import StaticRoles
from registry_api.bootstrap import App, RandomIds, SystemClock
from registry_api.domain import regions
from registry_api.domain.assignments import RoleBook
from registry_api.domain.names import RegistryKey
from registry_api.domain.spec import MAX_REPLICATION_COUNT, MAX_TAGS
from registry_api.http import health, rim
from registry_api.http.documents import MAX_BYTES
from registry_api.http.functions import function_of, no_such_route
from registry_api.http.messages import Answer, Request
from registry_api.http.route import Route
from registry_api.http.routes import ALL_ROUTES
from registry_api.service.ports import StorageUnavailable
from registry_api.settings import Settings
from registry_api.startup import SettingsError
from registry_api.storage.connection import address_of
from registry_api.storage.memory import MemoryQueue
from registry_api.storage.rows import Upsert
from tests.http.twins import ROUTE, SETTINGS, app_for, body_of, request
from tests.recorded import CALLER, Recorded
from tests.service.actors import Away

ANOTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
PUBLIC = {
    "get_health",
    "get_readiness",
    "get_openapi",
    "get_registry_schema",
    "get_docs",
    "get_docs_file",
    "get_cloud_metadata",
}


async def test_an_unforeseen_error_shows_nothing(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug is a 500 in our own format that reveals nothing, and its trace is in the log."""

    async def broken(_: Request, __: App) -> Answer:
        raise RuntimeError("secret")

    monkeypatch.setattr(health, "broken", broken, raising=False)
    response = await function_of(Route("GET", "broken", "health.broken", {}))(request())

    assert response.status_code == 500
    assert body_of(response)["error"]["code"] == "InternalError"
    assert b"secret" not in response.get_body()
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    ("given", "parent"),
    [(CALLER, CALLER), (None, ANOTHER)],
    ids=["the host's", "the caller's, as there is no host"],
)
@pytest.mark.usefixtures("app")
async def test_a_request_belongs_to_the_trace_of_its_invocation(
    given: str | None, parent: str, recorded: Recorded
) -> None:
    """What the host says goes before what the caller says, as the host's own span is the caller's child."""
    context: Any = given and SimpleNamespace(trace_context=SimpleNamespace(trace_parent=given))
    serve: Any
    for serve in (function_of(ROUTE["get_registry"]), no_such_route._function.get_user_function()):
        await serve(request(traceparent=ANOTHER), context)

    spans = recorded.of("request")
    assert [(one.attributes or {})["registry_api.route"] for one in spans] == ["get_registry", "no_such_route"]
    assert [one.parent and f"{one.parent.span_id:016x}" for one in spans] == [parent.split("-")[2]] * 2
    assert [point.attributes["status"] for point in recorded.points("registry_api.requests")] == ["4xx", "4xx"]


@pytest.mark.usefixtures("app", "recorded")
async def test_the_first_request_of_a_process_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings say who records, and they are read by the first request."""
    begun: list[Recorded] = []
    monkeypatch.setattr(bootstrap, "settings", lambda: begun.append(Recorded()))
    await function_of(ROUTE["get_health"])(request())

    assert [len(one.of("request")) for one in begun] == [1]


async def test_missing_settings_are_a_clear_log_and_a_plain_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An app without its settings answers 500, and the log names what is missing but no value."""

    def fail() -> App:
        return app_for({"REGISTRY_BACKEND": f"hunter{1 + 1}"})  # the trace shows this line

    monkeypatch.setattr(bootstrap, "app", fail)
    response = await function_of(ROUTE["get_registry"])(request())

    assert response.status_code == 500
    assert "AzureWebJobsStorage" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_wrong_connection_string_is_told_as_other_settings_are(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where traces cannot be sent, a request is answered in our own format, and the log names the setting alone."""
    for name, value in (SETTINGS | {"APPLICATIONINSIGHTS_CONNECTION_STRING": f"hunter{1 + 1}"}).items():
        monkeypatch.setenv(name, value)
    bootstrap.settings.cache_clear()
    bootstrap.app.cache_clear()
    response = await function_of(ROUTE["get_registry"])(request())

    assert (response.status_code, body_of(response)["error"]["code"]) == (500, "InternalError")
    assert "APPLICATIONINSIGHTS_CONNECTION_STRING: must be" in caplog.text
    assert "hunter2" not in caplog.text


async def test_storage_that_is_away_is_told(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """When storage does not answer, the caller is told to come again."""

    async def away(*_: object) -> None:
        raise StorageUnavailable("account key")

    monkeypatch.setattr(app.views, "read", away)
    response = await function_of(ROUTE["get_registry"])(request())

    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert b"account key" not in response.get_body()


@pytest.mark.parametrize("kept", ["garbage", "{}", "of another registry"])
async def test_a_registry_that_cannot_be_read_is_not_taken_for_absent(
    app: App, kept: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever asks for it or would change it is told, nothing is written, and lists have all the others."""
    document, headers = b'{"location":"eastus"}', {"content_type": "application/json"}
    await function_of(ROUTE["put_registry"])(request("PUT", "registries/Other", document, **headers))
    other = await app.rows.get(f"{app.settings.tenant}:other", "registry")
    assert other is not None
    partition, text = f"{app.settings.tenant}:demo1", other.text if kept == "of another registry" else kept
    await app.rows.transact(partition, [Upsert("registry", text), Upsert("view", text)])

    for name in ("get_registry", "put_registry", "patch_registry", "delete_registry", "reconcile_registry"):
        body = document if name.startswith("put") else b'{"tags":{}}'
        response = await function_of(ROUTE[name])(request(ROUTE[name].method, body=body, **headers))
        error = body_of(response)["error"]
        assert (response.status_code, error["code"], "cannot be read" in error["message"]) == (
            500,
            "InternalError",
            True,
        )
        assert f"{partition}'" in caplog.text
        caplog.clear()
    for key in ("registry", "view"):
        row = await app.rows.get(partition, key)
        assert row is not None
        assert row.text == text
    listed = body_of(await function_of(ROUTE["list_registries"])(request(path="registries")))
    assert [one["name"] for one in listed["value"]] == ["Other"]


async def test_the_largest_registry_can_be_read_changed_and_sent_back(app: App) -> None:
    """What is answered of a registry with every region and as many accounts as it may have is taken as a document."""
    everywhere = [name for name, region in regions.catalogue().items() if region.missing_service is None]
    document = {
        "location": everywhere[0],
        "tags": {f"tag{number}": "value" for number in range(MAX_TAGS)},
        "replication_locations": [
            {"location": region, "storage_config": {"replication_count": MAX_REPLICATION_COUNT}}
            for region in everywhere
        ],
    }
    put = function_of(ROUTE["put_registry"])
    first = await put(request("PUT", body=json.dumps(document).encode(), content_type="application/json"))
    answer = body_of(first)
    accounts = [account for region in answer["status"]["regions"] for account in region["storage_accounts"]]
    for account in accounts:  # as the local backend tells of them
        account.update(dict.fromkeys(("account", "container", "blob_endpoint", "id"), "x" * 60))
    changed = json.dumps(answer | {"description": "new"}).encode()
    again = await put(request("PUT", body=changed, content_type="application/json"))

    assert (first.status_code, again.status_code, len(accounts)) == (201, 200, 10 * len(everywhere))
    assert len(changed) < MAX_BYTES


async def test_nobody_is_let_in_outside_of_development(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the host does not say that it is a developer's machine, every caller is refused and nothing is written."""
    app = app_for(SETTINGS | {"AZURE_FUNCTIONS_ENVIRONMENT": "Production"})
    monkeypatch.setattr(bootstrap, "app", lambda: app)

    for route in ALL_ROUTES:
        if route.name in PUBLIC:
            continue
        response = await function_of(route)(request(route.method, body=b"location: eastus"))
        assert (response.status_code, body_of(response)["error"]["code"]) == (401, "Unauthenticated")
    assert await app.ports.store.read(RegistryKey("tenant", "demo1")) is None


async def test_request_ids_are_given_and_echoed(app: App) -> None:
    """Every answer has an id of its own; the caller's id comes back, unless it could break a header."""
    handler = function_of(ROUTE["get_registry"])
    echoed = await handler(request(x_ms_client_request_id="mine"))
    dropped = await handler(request(x_ms_client_request_id="mine\r\nx: y"))

    assert echoed.headers["x-ms-client-request-id"] == "mine"
    assert "x-ms-client-request-id" not in dropped.headers
    assert echoed.headers["x-ms-request-id"] != dropped.headers["x-ms-request-id"]


async def test_the_trace_goes_with_the_message(app: App) -> None:
    """The caller's trace context is kept with the operation and travels with its message."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await function_of(ROUTE["put_registry"])(request("PUT", body=b"location: eastus", traceparent=trace))

    assert isinstance(app.ports.queue, MemoryQueue)
    (message,) = app.ports.queue.messages()
    assert json.loads(message)["traceparent"] == trace


async def test_a_traceparent_that_is_none_is_dropped(app: App) -> None:
    """Text in the place of a trace context goes no further than the rim."""
    await function_of(ROUTE["put_registry"])(request("PUT", body=b"location: eastus", traceparent="x" * 50000))

    assert isinstance(app.ports.queue, MemoryQueue)
    (message,) = app.ports.queue.messages()
    assert "traceparent" not in json.loads(message)


@pytest.mark.parametrize("host", ["[x", "[1:2]", "[:]", "[1.2.3.4]", "", "a b"])
async def test_a_host_that_is_none_is_refused(app: App, host: str) -> None:
    """Links are made with the caller's Host, so it must be one."""
    odd = func.HttpRequest("GET", f"http://{host}/api/registries/a", headers={}, params={}, route_params={}, body=b"")
    response = await function_of(ROUTE["get_registry"])(odd)

    assert (response.status_code, body_of(response)["error"]["code"]) == (400, "InvalidHeader")


async def test_a_plan_is_refused_like_what_it_plans(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not read is refused, and an outage is an outage: neither is a plan with problems."""
    for roles, status in ((StaticRoles(RoleBook()), 403), (Away(), 503)):
        changed = app_for(SETTINGS)
        changed.roles = roles
        monkeypatch.setattr(bootstrap, "app", lambda changed=changed: changed)
        response = await function_of(ROUTE["plan_registry"])(request("POST", body=b"location: eastus"))
        assert response.status_code == status
        assert "line" not in body_of(response)["error"]


async def test_the_key_of_the_host_stays_out_of_links(app: App) -> None:
    """A function key in the address is the host's, and is not repeated in the address of the next page."""
    for name in ("demo1", "demo2"):
        await function_of(ROUTE["put_registry"])(request("PUT", f"registries/{name}", b"location: eastus"))
    response = await function_of(ROUTE["list_registries"])(request("GET", "registries?top=1&code=secret"))

    assert "secret" not in body_of(response)["next_link"]
    assert "top=1" in body_of(response)["next_link"]


@pytest.mark.parametrize("subscription", ["mysub", "1234", "{00000000-0000-0000-0000-000000000000}", "x" * 36])
async def test_a_subscription_is_a_guid(app: App, subscription: str) -> None:
    """Azure calls subscriptions so, and the official clients could not address anything else."""
    path = f"registries/demo1?subscription_id={subscription}"
    response = await function_of(ROUTE["put_registry"])(request("PUT", path, b"location: eastus"))

    assert (response.status_code, body_of(response)["error"]["target"]) == (400, "subscription_id")


async def test_a_continuation_is_for_a_scope_in_any_case(app: App) -> None:
    """Subscriptions and groups have no case, so the next page may be asked for in another one."""
    for name in ("demo1", "demo2"):
        await function_of(ROUTE["put_registry"])(request("PUT", f"registries/{name}", b"location: eastus"))
    first = await function_of(ROUTE["list_registries"])(request("GET", "registries?top=1&resource_group=registries"))
    link = body_of(first)["next_link"].replace("resource_group=registries", "resource_group=REGISTRIES")
    second = await function_of(ROUTE["list_registries"])(request("GET", link.partition("/api/")[2]))

    assert [registry["name"] for registry in body_of(second)["value"]] == ["demo2"]


async def test_a_request_that_takes_too_long_is_answered(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller is answered in time, however slow storage is."""

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(app.views, "read", hang)
    monkeypatch.setattr(rim, "_ANSWER_WITHIN", 0.01)
    response = await function_of(ROUTE["get_registry"])(request())

    assert (response.status_code, body_of(response)["error"]["code"]) == (503, "StorageUnavailable")


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
    assert "hunter22" not in repr(Settings.read({"AzureWebJobsStorage": "AccountName=x;AccountKey=hunter22"}))


@pytest.mark.parametrize(
    "given",
    [
        "",
        "hunter22",
        "AccountName=x",
        "AccountKey=hunter22",
        "AccountName=;AccountKey=hunter22",
        "AccountName=x;AccountKey=hunter2",
        "AccountName=x;AccountKey=€hunter22",
        "AccountName=x;AccountKey=hunter22;TableEndpoint=http://127.0.0.1:99999/x",
        "AccountName=x;AccountKey=hunter22;TableEndpoint=http://127.0.0.1:0/x",
        "AccountName=x;AccountKey=hunter22;QueueEndpoint=127.0.0.1",
        "AccountName=x;AccountKey=hunter22;QueueEndpoint=ftp://x",
        "AccountName=x;AccountKey=hunter22;foo",
        "AccountName=x;AccountKey=",
        "AccountName=a/b;AccountKey=hunter22",
        "AccountName=x;AccountKey=hunter22;DefaultEndpointsProtocol=ftp",
        "AccountName=x;AccountKey=hunter22;EndpointSuffix=host:0",
        "BlobEndpoint=https://x.blob.core.windows.net;SharedAccessSignature=hunter22",
    ],
)
def test_a_connection_string_that_leads_nowhere_is_refused(given: str) -> None:
    """What can be no connection string is told as such, and not with each request; it may hold a key."""
    with pytest.raises(SettingsError, match="AzureWebJobsStorage: must be a storage account's") as caught:
        Settings.read({"AzureWebJobsStorage": given})
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        "UseDevelopmentStorage=true",
        "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=hunter22;EndpointSuffix=core.windows.net",
        "AccountName=x;AccountKey=aHVudGVyMg==;",
        "AccountName=x;AccountKey=aHVudGVyMg==; ",
        "AccountName=x;AccountKey=hunter22;FileEndpoint=;BlobEndpoint=https://x.example",
        "AccountName=x;AccountKey=hunter22;TableEndpoint=https://x.example:444/x/;QueueSecondaryEndpoint=https://y.example",
    ],
)
def test_a_connection_string_of_azure_is_taken(given: str) -> None:
    """As the portal and the emulators write them, with parts that are not for us."""
    connection = Settings.read({"AzureWebJobsStorage": given}).storage_connection
    assert [address_of(connection, service)[0].port for service in ("table", "queue")]


KEY = "00000000-0000-0000-0000-00000000000a"


@pytest.mark.parametrize(
    "given",
    [
        f"InstrumentationKey={KEY}",
        f"instrumentationkey={KEY};IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/",
        f"InstrumentationKey={KEY};Authorization=ikey",
        f"InstrumentationKey={KEY};Authorization=aad",
        f"InstrumentationKey={KEY};",
        f"InstrumentationKey={KEY.upper()}",
        f"InstrumentationKey={KEY};EndpointSuffix",
        f"InstrumentationKey={KEY};IngestionEndpoint=https://x.example/?a=b",
        "InstrumentationKey=",
        "hunter2",
    ],
)
def test_what_the_exporter_does_not_take_is_told_at_the_start(given: str) -> None:
    """It is imported later, and would say so where nobody sees it."""
    try:
        ConnectionStringParser(given)
    except ValueError:
        with pytest.raises(SettingsError, match="APPLICATIONINSIGHTS_CONNECTION_STRING: must be"):
            Settings.read(SETTINGS | {"APPLICATIONINSIGHTS_CONNECTION_STRING": given})
    else:
        Settings.read(SETTINGS | {"APPLICATIONINSIGHTS_CONNECTION_STRING": given})


def test_operation_ids_sort_from_new_to_old() -> None:
    """The ids of one registry's operations are in the order of a list that begins with the newest."""
    ids, now, key = RandomIds(), SystemClock().now(), RegistryKey("tenant", "demo1")
    older = ids.operation_id(key, now.replace(year=2025))
    newer = ids.operation_id(key, now.replace(year=2026))

    assert newer < older


@pytest.mark.parametrize("name", ["REGISTRY_ALLOWED_REGIONS", "REGISTRY_LOCAL_REGIONS_DOWN"])
def test_regions_in_settings_may_be_spelled_in_any_way(name: str) -> None:
    """Blanks and capitals do not matter; what is no region is told, and nothing runs with half of a list."""
    settings = Settings.read(SETTINGS | {name: "eastus, West US,"})
    assert {"eastus", "westus"} in (settings.allowed_regions, settings.local_regions_down)
    with pytest.raises(SettingsError, match=f"{name}.*typo, x"):
        Settings.read(SETTINGS | {name: "eastus, typo, x"})
