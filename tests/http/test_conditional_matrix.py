"""Conditional requests, cell by cell: every verb with every header on what is absent, present or being deleted."""

import json

import pytest

from registry_api.bootstrap import App
from registry_api.domain.names import RegistryKey
from registry_api.http.functions import function_of
from tests.http.twins import ROUTE, body_of, request

HEADERS = {
    "no header": {},
    "If-Match: *": {"if-match": "*"},
    "If-Match: current": {"if-match": "{etag}"},
    "If-Match: other": {"if-match": '"other"'},
    "If-None-Match: *": {"if-none-match": "*"},
    "If-None-Match: current": {"if-none-match": '"other", {etag}'},
    "If-None-Match: other": {"if-none-match": '"other"'},
    "If-Match: current, If-None-Match: current": {"if-match": "{etag}", "if-none-match": "{etag}"},
    "If-Match: other, If-None-Match: current": {"if-match": '"other"', "if-none-match": "{etag}"},
}
VERBS = ("GET", "PUT", "PATCH", "DELETE", "POST", "reconcile")
STATES = ("absent", "present", "deleting")
# For each header and verb: the status when the registry is absent, present or being deleted.
MATRIX = {
    "no header": "404 200 200, 201 200 409, 404 200 409, 204 202 202, 201 409 409, 404 202 202",
    "If-Match: *": "404 200 200, 412 200 409, 404 200 409, 204 202 202, 412 409 409, 404 202 202",
    "If-Match: current": "404 200 200, 412 200 409, 404 200 409, 204 202 202, 412 409 409, 404 202 202",
    "If-Match: other": "404 412 412, 412 412 412, 404 412 412, 204 412 412, 412 412 412, 404 412 412",
    "If-None-Match: *": "404 304 304, 201 412 412, 404 412 412, 204 412 412, 201 412 412, 404 412 412",
    "If-None-Match: current": "404 304 304, 201 412 412, 404 412 412, 204 412 412, 201 412 412, 404 412 412",
    "If-None-Match: other": "404 200 200, 201 200 409, 404 200 409, 204 202 202, 201 409 409, 404 202 202",
    "If-Match: current, If-None-Match: current": (
        "404 304 304, 412 412 412, 404 412 412, 204 412 412, 412 412 412, 404 412 412"
    ),
    "If-Match: other, If-None-Match: current": (
        "404 412 412, 412 412 412, 404 412 412, 204 412 412, 412 412 412, 404 412 412"
    ),
}
CELLS = [
    (headers, verb, state, int(status))
    for headers, row in MATRIX.items()
    for verb, cell in zip(VERBS, row.split(", "), strict=True)
    for state, status in zip(STATES, cell.split(), strict=True)
]
FUNCTIONS = {
    "GET": "get_registry",
    "PUT": "put_registry",
    "PATCH": "patch_registry",
    "DELETE": "delete_registry",
    "POST": "create_registry",
    "reconcile": "reconcile_registry",
}
BODY = json.dumps({"location": "eastus", "description": "new"}).encode()
NAMED_BODY = json.dumps({"name": "Demo1", "location": "eastus", "description": "new"}).encode()


async def prepare(state: str) -> str:
    """Bring the registry into a state, and return its entity tag."""
    if state == "absent":
        return '"none"'
    made = await function_of(ROUTE["put_registry"])(request("PUT", body=b"location: eastus"))
    if state == "deleting":
        await function_of(ROUTE["delete_registry"])(request("DELETE"))
    return str(made.headers["etag"])


@pytest.mark.parametrize(("headers", "verb", "state", "expected"), CELLS)
async def test_conditional_matrix(app: App, headers: str, verb: str, state: str, expected: int) -> None:
    """Every cell has its one status; what is refused changes nothing, and what fails a condition says so."""
    etag = await prepare(state)
    conditions = {name.replace("-", "_"): text.format(etag=etag) for name, text in HEADERS[headers].items()}
    key = RegistryKey.of(app.settings.tenant, "Demo1")
    before = await app.ports.store.read(key)
    if verb in {"PUT", "PATCH", "POST"}:
        conditions["content_type"] = "application/json"
    body = NAMED_BODY if verb == "POST" else BODY if verb in {"PUT", "PATCH"} else b""

    answer = await function_of(ROUTE[FUNCTIONS[verb]])(request(verb, body=body, **conditions))

    assert answer.status_code == expected
    if expected >= 300:
        assert await app.ports.store.read(key) == before
    if expected == 412:
        assert body_of(answer)["error"]["code"] == "PreconditionFailed"
