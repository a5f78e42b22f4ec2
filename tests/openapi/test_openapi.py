"""The published documents: that they are valid, complete and true, and that the page about them works offline."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import openapi_spec_validator
import pytest
import yaml

from registry_api.domain.caller import NOBODY
from registry_api.domain.names import is_registry_name
from registry_api.http import pages, schema
from registry_api.http.messages import Request
from registry_api.http.route import Route
from registry_api.http.routes import ROUTES

ROOT = Path(__file__).parents[2]
CASES = sorted((ROOT / "tests" / "cases").glob("**/[0-9]*.yml"))
EXAMPLE = yaml.safe_load((ROOT / "examples" / "registry.yml").read_text("utf-8"))

Json = dict[str, Any]


@pytest.fixture
def document(client: httpx.Client) -> Json:
    """Return the OpenAPI document that the app serves."""
    served: Json = client.get("/openapi.json").raise_for_status().json()
    return served


@pytest.fixture
def registry_schema(client: httpx.Client) -> jsonschema_rs.Draft202012Validator:
    """Return a validator for documents, from the schema that the app serves."""
    answer = client.get("/registry.schema.json")
    assert answer.headers["content-type"] == "application/schema+json"
    jsonschema_rs.meta.validate(answer.json())
    return jsonschema_rs.Draft202012Validator(answer.json())


def route_of(step: Json) -> Route | None:
    """Return the route of a case's step."""
    method, address = step["request"].split(" ", 1)
    path = address.partition("?")[0].replace("{operation}", "operations/some.0a").removeprefix("/")
    return next((route for route in ROUTES if route.method == method and route.matches(path)), None)


def operations(document: Json) -> Iterator[Json]:
    """Yield every operation of the document."""
    for path in document["paths"].values():
        yield from path.values()


def is_valid(value: object, described: Json, document: Json) -> bool:
    """Tell whether a value is as a schema of the document says."""
    whole = described | {"components": document["components"]}
    return jsonschema_rs.Draft202012Validator(whole).is_valid(value)


def test_the_document_is_valid(document: Json) -> None:
    """The document is OpenAPI 3.1."""
    assert document["openapi"].startswith("3.1.")
    openapi_spec_validator.validate(document)


def test_every_route_is_described(document: Json) -> None:
    """The table of routes and nothing else is in the document, each with what a reader needs."""
    described = {
        (method.upper(), path, operation["operationId"])
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }

    assert described == {(route.method, f"/{route.template}", route.name) for route in ROUTES}
    assert all(operation["summary"] and operation["description"] for operation in operations(document))


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_answers_of_the_cases_are_declared(case: Path, document: Json) -> None:
    """Whatever a case expects, status and code, its operation declares."""
    step = yaml.safe_load(case.read_text("utf-8"))
    route, expected = route_of(step), step["expect"]
    if route is None:
        assert expected["status"] in {404, 405}
        return

    responses = document["paths"][f"/{route.template}"][route.method.lower()]["responses"]
    assert str(expected["status"]) in responses
    code = expected["body"]["error"].get("code") if expected["status"] >= 400 and "body" in expected else None
    if code is not None:
        told = responses[str(expected["status"])]["content"]["application/json"]["schema"]
        assert code in told["properties"]["error"]["properties"]["code"]["enum"]


def test_every_example_is_valid(document: Json) -> None:
    """Every example of a request, an answer and a parameter is as its own schema says."""
    examples = [
        (operation["operationId"], content["example"], content["schema"])
        for operation in operations(document)
        for place in (operation.get("requestBody", {}), *operation["responses"].values())
        for content in place.get("content", {}).values()
        if "example" in content
    ]
    examples += [
        (operation["operationId"], parameter["example"], parameter["schema"])
        for operation in operations(document)
        for parameter in operation["parameters"]
        if "example" in parameter
    ]

    assert len(examples) > 100
    assert [name for name, example, described in examples if not is_valid(example, described, document)] == []


def test_every_error_has_an_example(document: Json) -> None:
    """Every error of every operation shows what it looks like."""
    for operation in operations(document):
        for status, response in operation["responses"].items():
            content = response.get("content", {}).get("application/json", {})
            if "x-ms-error-code" in response["headers"]:
                assert content["example"]["error"]["message"], (operation["operationId"], status)


def test_every_answer_in_json_has_an_example(document: Json) -> None:
    """Every answer with a shape shows what it looks like; only the published documents show themselves."""
    shown = {
        operation["operationId"]: "example" in content
        for operation in operations(document)
        for status, response in operation["responses"].items()
        if status < "300"
        for media_type, content in response.get("content", {}).items()
        if media_type == "application/json"
    }

    assert [name for name, has_example in shown.items() if not has_example] == ["get_openapi"]


def test_the_example_is_the_one_of_the_examples() -> None:
    """The documents show what examples/registry.yml has."""
    assert schema.EXAMPLE == EXAMPLE


def test_the_schema_accepts_what_the_service_accepts(registry_schema: jsonschema_rs.Draft202012Validator) -> None:
    """The schema for editors takes the example and the document of every case that succeeds."""
    accepted = [EXAMPLE]
    for case in CASES:
        step = yaml.safe_load(case.read_text("utf-8"))
        route = route_of(step)
        writes = route is not None and route.name in {"put_registry", "create_registry"}
        if writes and "body" in step and step["expect"]["status"] in {200, 201}:
            body = step["body"]
            text = yaml.safe_dump(body) if isinstance(body, dict) else body
            accepted.append(yaml.safe_load(text.replace("{name}", "Some-Name")))

    assert len(accepted) > 10
    for written in accepted:
        assert list(registry_schema.iter_errors(written)) == []


@pytest.mark.parametrize(
    "written",
    [
        {"location": "eastsu"},
        {"location": "East  US", "replication_location": []},
        {"location": "eastus", "tgas": {}},
        {"location": "eastus", "tags": {"a": 1}},
        {"location": "eastus", "tags": {"<": ""}},
        {"location": "eastus", "name": "_x"},
        {"location": "eastus", "paused": "yes"},
        {"location": "eastus", "public_network_access": "open"},
        {"location": "eastus", "replication_locations": ["eastus"]},
        {"location": "eastus", "replication_locations": [{"storage_config": {}}]},
        {"location": "eastus", "replication_locations": [{"location": "eastus", "storage_config": "mine"}]},
        {"location": "eastus", "replication_locations": [{"location": "eastus"}, {"location": "eastus"}]},
        {"name": "Some-Name"},
        {},
    ],
    ids=str,
)
def test_the_schema_finds_mistakes(written: Json, registry_schema: jsonschema_rs.Draft202012Validator) -> None:
    """The schema for editors flags what people get wrong."""
    assert not registry_schema.is_valid(written)


@pytest.mark.parametrize(
    "written",
    [
        {"location": " East US "},
        {"location": "EastUS", "container_registry": {"acr_account_sku": "premium"}},
        {"location": "eastus", "tags": None, "status": {"anything": 1}, "$schema": "registry.schema.json"},
    ],
    ids=str,
)
def test_the_schema_allows_every_spelling(written: Json, registry_schema: jsonschema_rs.Draft202012Validator) -> None:
    """The schema for editors takes the spellings, nulls and fields of the service that the service takes."""
    assert registry_schema.is_valid(written)


def test_every_field_has_a_description(client: httpx.Client) -> None:
    """An editor can say what each field is for."""
    served = client.get("/registry.schema.json").json()

    for part in (served, *served["$defs"].values()):
        assert part["description"]
        assert all(described["description"] for described in part.get("properties", {}).values())


def test_the_page_is_served_with_all_that_it_asks_for(client: httpx.Client) -> None:
    """The page and everything that a browser fetches for it come from the app, with their types and a strict policy."""
    page = client.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    addresses = re.findall(r"(?:src|href)=\"(?!data:)([^\"]+)\"", page.text)
    assert set(addresses) == {f"/api/docs/{name}" for name in pages.ASSETS} | {"/api/openapi.json"}
    for address in addresses:
        answer = client.get(str(client.base_url.join(address)))
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
        kinds = {".js": "text/javascript", ".css": "text/css", ".json": "application/json"}
        assert answer.headers["content-type"].partition(";")[0] == kinds[Path(address).suffix]


@pytest.mark.parametrize("name", ["index.html", "assets-missing.html", "page.js", "page.css"])
def test_our_page_names_no_other_host(name: str) -> None:
    """What we wrote of the page has no address of another host."""
    assert re.search(r"https?:|//\w", (ROOT / "registry_api/http/page" / name).read_text("utf-8")) is None


def test_the_style_sheet_fetches_nothing() -> None:
    """Swagger UI's style sheet has its pictures in itself."""
    sheet = pages.ASSETS["swagger-ui.css"].read_text("utf-8")

    assert "@import" not in sheet
    assert [address for address in re.findall(r"url\(\s*[\"']?([^)]{5})", sheet) if address != "data:"] == []


@pytest.mark.parametrize("path", ["/openapi.json", "/registry.schema.json", "/docs", "/docs/page.js"])
def test_documents_are_not_sent_twice(path: str, client: httpx.Client) -> None:
    """A caller that names the entity tag it has gets 304 and no body."""
    first = client.get(path)
    again = client.get(path, headers={"if-none-match": first.headers["etag"]})

    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")


def test_other_files_are_not_served(client: httpx.Client) -> None:
    """Only the files of the page are served."""
    for name in ("..%2Fpages.py", "LICENSE", "index.html", "page.js%00"):
        answer = client.get(f"/docs/{name}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")


async def test_a_page_without_its_files_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where Swagger UI is not installed, the page says what to do."""
    monkeypatch.setattr(pages, "ASSETS", {"swagger-ui.css": tmp_path / "swagger-ui.css"})
    request = Request(
        method="GET",
        base_url="",
        path={"file": "swagger-ui.css"},
        query={},
        repeated=(),
        headers={},
        body=b"",
        caller=NOBODY,
        id="",
    )

    answer = await pages.get_docs(request, None)  # type: ignore[arg-type] # it needs no app

    assert b"make install" in (answer.text or b"")


def test_names_of_the_document_are_names_of_the_service(document: Json) -> None:
    """The pattern of a path's name takes the names that the service takes."""
    (parameter,) = (
        parameter
        for parameter in document["paths"]["/registries/{name}"]["get"]["parameters"]
        if parameter["in"] == "path"
    )
    for name in ("a", "ab", "Demo-Registry_1", "_a", "x" * 32, "x" * 33, "é1", ""):
        assert is_valid(name, copy.copy(parameter["schema"]), document) == is_registry_name(name)
