"""The door for webhooks, on twins of storage: what is read out of a delivery, and how it is answered."""

import json
from typing import Any

import azure.functions as func
import pytest

from registry_api import bootstrap
from registry_api.bootstrap import App
from registry_api.domain.names import RegistryKey
from registry_api.http.documents import MAX_BYTES, MAX_DOCUMENTS
from registry_api.http.functions import function_of
from registry_api.settings import Settings
from registry_api.startup import SettingsError
from registry_api.storage.memory import MemoryQueue
from registry_api.storage.store import RegistryStore
from tests import senders
from tests.http.twins import ROUTE, SETTINGS, app_for, body_of, request

STREAM = b"""\
name: One1
location: eastus
---
name: Two2
location: eastsu
regions: []
---
---
name: One1
location: eastus
tags: {a: b}
"""
OBJECT = {"name": "One1", "location": "eastus"}
TEXT = "name: Two2\nlocation: westus\n"
JSON = "application/json"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """Put an app with a source of each kind in the place of the real one."""
    app = app_for(SETTINGS | senders.settings())
    monkeypatch.setattr(bootstrap, "app", lambda: app)
    return app


async def post(source: str, body: bytes, **headers: str) -> func.HttpResponse:
    """Send a delivery."""
    handler = function_of(ROUTE["receive_webhook"])
    headers = {"content_length": str(len(body)), **{name.replace("-", "_"): value for name, value in headers.items()}}
    return await handler(request("POST", f"webhooks/{source}", body, **headers))


async def results(source: str, body: bytes, **headers: str) -> list[tuple[str | None, str]]:
    """Send a delivery and return what became of its documents."""
    answer = await post(source, body, **headers)
    assert answer.status_code in {200, 422}, answer.get_body()
    return [(item["name"], item["result"]) for item in body_of(answer)["documents"]]


async def code_of(source: str, body: bytes, **headers: str) -> tuple[int, str]:
    """Send a delivery and return why it is refused as a whole."""
    answer = await post(source, body, **headers)
    return answer.status_code, body_of(answer)["error"]["code"]


async def test_every_document_of_a_stream_is_told(app: App) -> None:
    """A stream is answered document by document, refused ones with all problems and their places."""
    headers = senders.signed(STREAM, delivery="msg_1")
    first, again = await post("standard", STREAM, **headers), await post("standard", STREAM, **headers)
    answer = body_of(first)
    stored = await app.ports.store.read(RegistryKey(senders.TENANT, "one1"))

    assert (first.status_code, answer["delivery"]) == (422, "msg_1")
    created, refused, updated = answer["documents"]
    assert (created["name"], created["result"], created["problems"]) == ("One1", "Created", [])
    assert (refused["name"], refused["result"], refused["operation_location"]) == ("Two2", "Refused", None)
    assert [
        (problem["code"], problem["target"], problem["line"], problem["column"]) for problem in refused["problems"]
    ] == [
        ("UnknownLocation", "location", 5, 11),
        ("UnknownField", "regions", 6, 1),
    ]
    assert stored is not None
    assert updated == {
        "name": "One1",
        "result": "Updated",
        "operation_location": f"http://localhost:7071/api/operations/{stored.registry.operation.id}",
        "etag": stored.registry.etag,
        "problems": [],
    }
    assert stored.registry.system_data.last_modified_by == "standard"
    assert (again.status_code, body_of(again)) == (first.status_code, answer)


async def test_what_is_accepted_is_200(app: App) -> None:
    """A delivery all of whose documents are accepted is 200, changed or not, in JSON as well."""
    body = json.dumps(OBJECT).encode()
    created = await post("standard", body, content_type=JSON, **senders.signed(body))
    unchanged = await post("standard", body, content_type=JSON, **senders.signed(body))

    assert (created.status_code, unchanged.status_code) == (200, 200)
    (first,), (second,) = body_of(created)["documents"], body_of(unchanged)["documents"]
    assert (first["result"], second["result"]) == ("Created", "Unchanged")
    assert second["operation_location"] == first["operation_location"]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"registry": OBJECT}, [("One1", "Created")]),
        ({"registry": TEXT}, [("Two2", "Created")]),
        ({"registries": [OBJECT, TEXT]}, [("One1", "Created"), ("Two2", "Created")]),
        ({"registries": f"{TEXT}---\nname: One1\nlocation: eastus\n"}, [("Two2", "Created"), ("One1", "Created")]),
        ({"registry": 7}, [(None, "Refused")]),
        ({"registries": []}, []),
    ],
)
async def test_events_of_github_carry_documents(app: App, payload: Any, expected: list[tuple[str, str]]) -> None:
    """A document is an object or a text, and several are a list or a stream, under either name."""
    event = senders.dispatch(**payload)
    assert await results("github", event, **senders.by_github(event)) == expected
    run = senders.run_ended(payload)
    secret = {"x-webhook-secret": senders.HOOK_SECRET, "content-type": f"{JSON}; charset=utf-8"}
    again = [(name, "Unchanged" if result == "Created" else result) for name, result in expected]
    assert await results("azure-devops", run, **secret) == again


async def test_problems_in_an_event_have_their_places_in_it(app: App) -> None:
    """What is wrong with an object is told at its place in the event."""
    event = b'{"repository": {"full_name": "contoso/Registries"}, "client_payload":\n'
    event += b' {"registry": {"name": "One1",\n  "location": "eastsu"}}}'
    answer = await post("github", event, **senders.by_github(event))

    ((problem,),) = [item["problems"] for item in body_of(answer)["documents"]]
    assert (problem["target"], problem["line"], problem["column"]) == ("location", 3, 15)


async def test_a_caught_event_is_nothing_under_another_id(app: App) -> None:
    """GitHub signs the body alone: the same body under another id is answered as the first time."""
    event = senders.dispatch(registry=OBJECT)
    await post("github", event, **senders.by_github(event))
    other = senders.dispatch(registry=OBJECT | {"tags": {"a": "b"}})
    await post("github", other, **senders.by_github(other))

    assert await results("github", event, **senders.by_github(event)) == [("One1", "Created")]
    stored = await app.ports.store.read(RegistryKey(senders.TENANT, "one1"))
    assert stored is not None
    assert stored.registry.spec.tags == {"a": "b"}


async def test_github_is_told_that_somebody_is_there(app: App) -> None:
    """A ping is answered; other events are refused, and so is a body that is no JSON."""
    body = b'{"zen": "Design for failure.", "hook_id": 1}'
    assert await results("github", body, **senders.by_github(body, "ping")) == []
    assert await code_of("github", body, **senders.by_github(body, "push")) == (400, "InvalidHeader")
    bare = b'{"repository": {"full_name": "Contoso/registries"}}'
    assert await code_of("github", bare, **senders.by_github(bare)) == (400, "WrongType")
    empty = senders.dispatch(other=1)
    assert await code_of("github", empty, **senders.by_github(empty)) == (400, "MissingField")
    broken = b"{"
    assert await code_of("github", broken, **senders.by_github(broken)) == (400, "InvalidDocument")
    form = senders.by_github(body) | {"content-type": "application/x-www-form-urlencoded"}
    assert await code_of("github", body, **form) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (senders.run_ended({}, subscriptionId="00000000-0000-0000-0000-000000000000"), (401, "Unauthenticated")),
        (senders.run_ended({}, subscriptionId=None), (401, "Unauthenticated")),
        (b"[]", (401, "Unauthenticated")),
        (b"{", (400, "InvalidDocument")),
        (senders.run_ended({}, id=7), (400, "WrongType")),
        (senders.run_ended({}, delivery="x" * 256), (400, "WrongType")),
        (senders.run_ended({"registry": "location: eastus"}, delivery="t\ud800"), (400, "WrongType")),
        (senders.run_ended({"registry": "location: eastus"}, delivery="a\nb"), (400, "WrongType")),
        (senders.run_ended({}, eventType="git.push"), (400, "InvalidValue")),
        (senders.run_ended({}, resource=None), (400, "WrongType")),
        (senders.run_ended({}), (400, "MissingField")),
        (senders.run_ended({}, resource={"result": "succeeded", "parameters": "[]"}), (400, "WrongType")),
    ],
)
async def test_events_of_azure_devops_that_are_none(app: App, event: bytes, expected: tuple[int, str]) -> None:
    """Another subscription is nobody's; what has the right secret and makes no sense is told."""
    assert await code_of("azure-devops", event, x_webhook_secret=senders.HOOK_SECRET, content_type=JSON) == expected


async def test_runs_of_azure_devops(app: App) -> None:
    """Variables of a run are looked at where it has no parameters, and a run that has failed brings nothing."""
    secret = {"x-webhook-secret": senders.HOOK_SECRET, "content-type": JSON}
    failed = senders.run_ended({"registry": OBJECT}, delivery="a", result="failed")
    variables = {"result": "succeeded", "parameters": json.dumps({"registry": TEXT})}
    old = senders.run_ended({}, delivery="b", resource=variables)

    assert await results("azure-devops", failed, **secret) == []
    assert await results("azure-devops", old, **secret) == [("Two2", "Created")]
    assert await code_of("azure-devops", senders.run_ended({}, delivery="b"), **secret) == (400, "MissingField")
    other = senders.run_ended({"registry": OBJECT}, delivery="b")
    assert await code_of("azure-devops", other, **secret) == (409, "DeliveryReused")


async def test_what_is_wrong_with_a_delivery_as_a_whole(app: App) -> None:
    """Nothing is applied of a delivery that cannot be read as a whole; what is sent is read only when it is proven."""
    cases: list[tuple[bytes, dict[str, str], tuple[int, str]]] = [
        (b"name: One1\nlocation: eastus\n---\n{", {}, (400, "InvalidDocument")),
        (b"---\n", {}, (400, "InvalidDocument")),
        (b"name: A1\n---\n" * (MAX_DOCUMENTS + 1), {}, (400, "InvalidDocument")),
        (b"[" + b'{"name": "One1"},' * 2 + b"{}]", {"content-type": JSON}, (422, "")),
        (STREAM, {"content-type": "text/plain"}, (415, "UnsupportedMediaType")),
        (b"#" * (MAX_BYTES + 1), {}, (413, "DocumentTooLarge")),
        (b"", {}, (400, "InvalidDocument")),
    ]
    for body, headers, expected in cases:
        answer = await post("standard", body, **senders.signed(body), **headers)
        error = body_of(answer).get("error", {})
        assert (answer.status_code, error.get("code", "")) == expected
    assert await code_of("standard", STREAM, content_type="text/plain") == (401, "Unauthenticated")
    many = senders.dispatch(registries=[OBJECT] * (MAX_DOCUMENTS + 1))
    assert await code_of("github", many, **senders.by_github(many)) == (400, "TooManyItems")
    assert await app.ports.store.read(RegistryKey(senders.TENANT, "one1")) is None


async def test_an_id_that_comes_with_another_body(app: App) -> None:
    """The second body is refused as a conflict, and nothing is done."""
    await post("standard", STREAM, **senders.signed(STREAM, delivery="msg_1"))
    other = b"name: Three3\nlocation: eastus"

    assert await code_of("standard", other, **senders.signed(other, delivery="msg_1")) == (409, "DeliveryReused")
    assert await app.ports.store.read(RegistryKey(senders.TENANT, "three3")) is None


async def test_a_source_that_may_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a role of its principal in its own resource group, every document is refused, and says so."""
    app = app_for(SETTINGS | senders.settings(other="Owner"))
    monkeypatch.setattr(bootstrap, "app", lambda: app)
    answer = await post("standard", STREAM, **senders.signed(STREAM))

    assert answer.status_code == 422
    codes = [item["problems"][0]["code"] for item in body_of(answer)["documents"]]
    assert codes == ["AuthorizationFailed"] * 3
    assert isinstance(app.ports.queue, MemoryQueue)
    assert app.ports.queue.messages() == []


async def test_no_row_and_no_message_has_a_secret(app: App) -> None:
    """What is kept of deliveries has neither their secrets nor their signatures."""
    headers = senders.signed(STREAM)
    event = senders.dispatch(registry=OBJECT)
    await post("standard", STREAM, **headers)
    await post("github", event, **senders.by_github(event))
    assert isinstance(app.ports.store, RegistryStore)
    assert isinstance(app.ports.queue, MemoryQueue)
    rows = (await app.ports.store._rows.walk(100, None)).rows
    kept = "".join(row.partition + row.key + row.text for row in rows) + repr(app.ports.queue.messages())

    assert len(rows) > 10
    for secret in (senders.SECRET, senders.GITHUB_SECRET, "canary", headers["webhook-signature"][3:]):
        assert secret not in kept


async def test_no_other_subscription_speaks_for_a_service_hook(app: App) -> None:
    """With the right secret, an event whose subscription differs by anything is not proven, whatever else it says."""
    secret = {"x-webhook-secret": senders.HOOK_SECRET, "content-type": JSON}
    right = senders.HOOK_SUBSCRIPTION
    others = [right[:place] + other + right[place + 1 :] for place in range(len(right)) for other in ("", "g")]
    for other in (*others, f"{right} ", f"{{{right}}}", "", None, 7, [right], {right: right}):
        event = senders.run_ended({"registry": OBJECT}, subscriptionId=other)
        assert await code_of("azure-devops", event, **secret) == (401, "Unauthenticated")
    assert await app.ports.store.read(RegistryKey(senders.TENANT, "one1")) is None


@pytest.mark.parametrize(
    "event",
    [
        senders.dispatch(repository="Contoso/other", registry=OBJECT),
        senders.dispatch(repository="Contoso/registries2", registry=OBJECT),
        senders.dispatch(repository="other/registries", registry=OBJECT),
        json.dumps({"client_payload": {"registry": OBJECT}}).encode(),
        json.dumps({"repository": senders.REPOSITORY, "client_payload": {"registry": OBJECT}}).encode(),
        json.dumps({"repository": {"full_name": [senders.REPOSITORY]}}).encode(),
        b"[]",
    ],
)
async def test_only_its_own_repository_speaks_for_a_source_of_github(app: App, event: bytes) -> None:
    """One secret signs for everybody who installs a GitHub App: what comes from another repository is not proven."""
    assert await code_of("github", event, **senders.by_github(event)) == (401, "Unauthenticated")
    assert await app.ports.store.read(RegistryKey(senders.TENANT, "one1")) is None


@pytest.mark.parametrize(
    "wrong",
    [
        "not json: canary",
        '["canary"]',
        json.dumps([senders.source("standard", "canary")]),
        json.dumps([senders.source("standard", "whsec_" + "canary" * 20)]),
        json.dumps([senders.source("standard", "whsec_" + "-" * 40 + "canary")]),
        json.dumps([senders.source("github", "canary")]),
        json.dumps([senders.source("github")]),
        json.dumps([senders.source("azure-devops", "canary" * 9, hook_subscription=None)]),
        json.dumps([senders.source("github", "canary" * 9, hook_subscription=senders.HOOK_SUBSCRIPTION)]),
        json.dumps([senders.source("github", "canary" * 9, repository=None)]),
        json.dumps([senders.source("github", "canary" * 9, repository="canary")]),
        json.dumps([senders.source("standard", "canary" * 9, repository=senders.REPOSITORY)]),
        json.dumps([senders.source("github", "canary" * 9, name="Upper")]),
        json.dumps([senders.source("github", "canary" * 9, canary=1)]),
        json.dumps([senders.source("gitlab", "canary" * 9)]),
        json.dumps([senders.source("github", "canary" * 9)] * 2),
        json.dumps([senders.source("github", "canary" * 9, name=name) for name in ("one", "two")]),
        json.dumps(
            [
                senders.source("standard", f"{prefix}canary{'A' * 34}", name=name)
                for name, prefix in (("one", ""), ("two", "whsec_"))
            ]
        ),
    ],
)
def test_wrong_settings_are_told_without_their_values(wrong: str) -> None:
    """What is wrong with the sources is told without any of what they are, which may be a secret."""
    with pytest.raises(SettingsError, match="REGISTRY_WEBHOOKS") as caught:
        Settings.read(SETTINGS | {"REGISTRY_WEBHOOKS": wrong})

    assert "canary" not in str(caught.value)
    assert "canary" not in repr(Settings.read(SETTINGS | senders.settings()))
