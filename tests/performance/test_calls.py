"""How many calls of functions a request is, which says what it costs where clocks only say how busy a machine is."""

import sys
from collections import Counter
from types import FrameType

import azure.functions as func
import pytest

from registry_api import bootstrap
from registry_api.http.functions import function_of
from tests.http.twins import ROUTE, SETTINGS, app_for, request

DOCUMENT = b'{"location":"eastus","replication_locations":[{"location":"eastus"},{"location":"westus"}]}'
MOST = {"get": 280, "put": 1_070, "page": 400}  # some more than today


async def calls_of(route: str, asked: func.HttpRequest, status: int) -> int:
    """Return how many functions are called for the answer to a request, those that are written in C included."""
    counted, serve = Counter[str](), function_of(ROUTE[route])

    def note(frame: FrameType, event: str, argument: object) -> None:
        del frame, argument
        counted[event] += 1

    sys.setprofile(note)
    try:
        answer = await serve(asked)
    finally:
        sys.setprofile(None)
    assert answer.status_code == status
    return counted["call"] + counted["c_call"]


async def test_a_request_is_few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading, creating, and a page of ten; the twins of storage, which are cheaper than storage, take part."""
    app = app_for(SETTINGS)
    monkeypatch.setattr(bootstrap, "app", lambda: app)
    monkeypatch.setattr(bootstrap, "settings", lambda: app.settings)

    async def put(name: str) -> int:
        return await calls_of(
            "put_registry", request("PUT", f"registries/{name}", DOCUMENT, content_type="application/json"), 201
        )

    creations = [await put(f"demo{number}") for number in range(10)]
    reads = [await calls_of("get_registry", request("GET", "registries/demo1"), 200) for _ in range(2)]
    pages = [await calls_of("list_registries", request("GET", "registries"), 200) for _ in range(2)]

    found = {"get": reads[-1], "put": creations[-1], "page": pages[-1]}
    assert {what: count for what, count in found.items() if count > MOST[what]} == {}, found
