"""The OpenAPI document: made from the table of routes and the models, which also serve."""

import inspect
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from registry_api.domain import names
from registry_api.domain.problems import Code
from registry_api.http import bodies, documents, media_types, pages, schema
from registry_api.http.errors import error_body, status_of
from registry_api.http.examples import answer_examples
from registry_api.http.parameters import Parameter
from registry_api.http.route import PREFIX, Content, Route, Takes
from registry_api.http.routes import ROUTES
from registry_api.http.samples import SAMPLES

Schema = dict[str, Any]

VERSION = "1.0.0"
_COMPONENTS = "#/components/schemas/{model}"
_REGISTRIES = ("Registries", "Create, change, read, list and delete registries.")
_TAGS = {
    "registries": _REGISTRIES,
    "views": _REGISTRIES,
    "actions": _REGISTRIES,
    "regions": _REGISTRIES,
    "history": ("History", "What became of a request, what a registry was before, and who did what."),
    "webhooks": ("Webhooks", "Documents that pipelines and the systems around them send."),
    "health": ("Health", "Whether the service is there and can work."),
    "pages": ("Documents", "What this API is, for programs, editors and people."),
}
_PATH_PARAMETERS = {
    "name": Parameter(
        "name",
        f"The registry's name, in any case; it {names.RULE}.",
        {"type": "string", "pattern": f"^{names.PATTERN.pattern}$"},
        "DemoRegistry1",
    ),
    "id": Parameter("id", "The operation's id.", {"type": "string"}, "demoregistry1.59d2a6b7e1c09f3a1b2c"),
    "source": Parameter("source", "The source's name, from the settings.", {"type": "string"}, "ci"),
    "file": Parameter("file", "The file's name.", {"type": "string", "enum": list(pages.ASSETS)}),
}
_CLIENT_REQUEST_ID = Parameter(
    "x-ms-client-request-id",
    "A name for the request; the answer repeats it, if it is 1 to 128 visible ASCII characters.",
    {"type": "string"},
)
_TRACEPARENT = Parameter(
    "traceparent", "The trace that the request belongs to (W3C Trace Context).", {"type": "string"}
)

_SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A token of Entra ID."},
    "key": {"type": "apiKey", "in": "header", "name": "x-functions-key", "description": "A key for pipelines."},
}
_SIGNATURES = {
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "A signature of Standard Webhooks, with `webhook-id` and `webhook-timestamp`.",
    },
    "github": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Hub-Signature-256",
        "description": "A signature of GitHub, with `X-GitHub-Delivery` and `X-GitHub-Event`.",
    },
    "hookSecret": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Webhook-Secret",
        "description": "A secret of a service hook of Azure DevOps, whose subscription the source names.",
    },
    "hookPassword": {"type": "http", "scheme": "basic", "description": "The same secret, as the password."},
}
_ALSO: Mapping[HTTPStatus, Sequence[str]] = {
    HTTPStatus.UNAUTHORIZED: ("WWW-Authenticate",),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Retry-After",),
}
_EVERY_ANSWER = ("x-ms-request-id", "x-ms-client-request-id")

# What leads from an answer to other operations: a parameter of theirs, and where its value is in the answer.
_LINKS: dict[Content, dict[str, str]] = {
    "RegistryBody": {"name": "$response.body#/name"},
    "RegistryPage": {"name": "$response.body#/value/0/name"},
    "OperationBody": {"id": "$response.body#/id"},
    "OperationPage": {"id": "$response.body#/value/0/id"},
}

# Several of these may come together, wrapped: they keep their status then.
_TOGETHER = frozenset({Code.PRIMARY_LOCATION_IMMUTABLE, Code.STORAGE_CONFIG_IMMUTABLE})


def openapi_document() -> Schema:
    """Return the document that describes every route."""
    paths: dict[str, Schema] = defaultdict(dict)
    for route in ROUTES:
        paths[f"/{route.template}"][route.method.lower()] = _operation(route)
    used = dict.fromkeys(_TAGS[route.module] for route in ROUTES)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Registry API",
            "version": VERSION,
            "description": "A control plane for Azure Machine Learning registries.",
        },
        "servers": [{"url": f"/{PREFIX}"}],
        "tags": [{"name": name, "description": description} for name, description in used],
        "paths": dict(paths),
        "components": {
            "securitySchemes": _SECURITY | _SIGNATURES,
            "schemas": dict(sorted(_component_schemas().items())),
            "headers": {
                "x-ms-request-id": _header("The service's name for the request.", format="uuid"),
                "x-ms-client-request-id": _header("The caller's name for the request.", is_always_there=False),
                "ETag": _header("The entity tag, for If-Match and If-None-Match.", pattern='^"[0-9a-f]{32}"$'),
                "WWW-Authenticate": _header("How to prove who one is.", enum=["Bearer"]),
                "Location": _header("Address of the registry.", format="uri"),
                "Operation-Location": _header(
                    "Address of the operation that was started, if one was.", is_always_there=False, format="uri"
                ),
                "Retry-After": _header(
                    "Seconds after which to ask again.", is_always_there=False, type="integer", minimum=1
                ),
            },
        },
    }


def _operation(route: Route) -> Schema:
    summary, _, rest = inspect.cleandoc(route.load().__doc__ or "").partition("\n\n")
    operation: Schema = {
        "operationId": route.name,
        "tags": [_TAGS[route.module][0]],
        "summary": summary.partition(". ")[0].rstrip("."),
        "description": "\n\n".join(part for part in (summary, rest) if part),
        "security": [{scheme: []} for scheme in _schemes(route)],
        "parameters": list(_parameters(route)),
        "responses": {str(status): response for status, response in sorted(_responses(route))},
    }
    if route.takes is not Takes.NOTHING:
        operation["requestBody"] = {"required": True, "content": _request_content(route)}
    return operation


def _schemes(route: Route) -> Iterable[str]:
    if route.is_signed:
        return _SIGNATURES
    return () if route.is_public else _SECURITY


def _parameters(route: Route) -> Iterator[Schema]:
    for name in re.findall(r"\{([a-z]+)\}", route.template):
        yield _parameter(_PATH_PARAMETERS[name], "path")
    for parameter in route.query:
        yield _parameter(parameter, "query")
    for parameter in (*route.headers, _CLIENT_REQUEST_ID):
        yield _parameter(parameter, "header")
    if route.method != "GET":
        yield _parameter(_TRACEPARENT, "header")


def _parameter(parameter: Parameter, place: str) -> Schema:
    described = {
        "name": parameter.name,
        "in": place,
        "required": place == "path",
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }
    if parameter.example is None:
        return described
    if place == "path":
        return described | {"example": parameter.example}
    # Pages that try a request out would send the example of what nobody asked for.
    return described | {"description": f"{parameter.description} For example `{parameter.example}`."}


def _request_content(route: Route) -> Schema:
    if route.takes is Takes.MERGE_PATCH:
        content = {"schema": {"$ref": _COMPONENTS.format(model=schema.PATCH)}, "example": schema.PATCH_EXAMPLE}
        return dict.fromkeys(documents.PATCH_TYPES, content)
    body: Schema = {"$ref": _COMPONENTS.format(model=schema.DOCUMENT)}
    if "{name}" not in route.template:
        body |= {"required": ["name"], "properties": {"name": {"type": "string"}}}
    content = {"schema": body, "example": schema.EXAMPLE}
    return dict.fromkeys((*documents.JSON_TYPES, *documents.YAML_TYPES), content)


def _responses(route: Route) -> Iterator[tuple[int, Schema]]:
    errors: dict[int, list[Code]] = defaultdict(list)
    for code in dict.fromkeys(route.codes):
        errors[status_of(code)].append(code)
    for status, codes in errors.items():
        if len(_TOGETHER & set(codes)) > 1:
            codes.append(Code.MULTIPLE_ERRORS_OCCURRED)
        yield int(status), _error_response(status, codes)
    for status, content in route.answers.items():
        yield status, _response(route, status, content)


def _response(route: Route, status: int, content: Content) -> Schema:
    response: Schema = {
        "description": HTTPStatus(status).phrase,
        "headers": _header_refs(_headers(route, status, content)),
    }
    if isinstance(content, str):
        model = getattr(bodies, content)
        example = answer_examples()[model][status].model_dump(mode="json", exclude_unset=True)
        response["content"] = {media_types.JSON: {"schema": _ref(model), "example": example}}
    elif content is not None:
        whole = {"type": "object"} if content[0] in {media_types.JSON, media_types.JSON_SCHEMA} else {"type": "string"}
        response["content"] = {media_type: {"schema": whole} for media_type in content}
    if links := _links(content):
        response["links"] = links
    return response


def _links(content: Content) -> Schema:
    parameters = _LINKS.get(content, {})
    return {
        route.name: {"operationId": route.name, "parameters": {name: value}}
        for name, value in parameters.items()
        for route in ROUTES
        if f"{{{name}}}" in route.template
    }


def _headers(route: Route, status: int, content: Content) -> Iterator[str]:
    yield from _EVERY_ANSWER
    has_tag = content == "RegistryBody" or status == HTTPStatus.ACCEPTED or route.module == "pages"
    if has_tag or status == HTTPStatus.NOT_MODIFIED:
        yield "ETag"
    if status == HTTPStatus.CREATED:
        yield "Location"
    starts_operation = route.method != "GET" and has_tag
    if starts_operation:
        yield "Operation-Location"
    if starts_operation or content == "OperationBody":
        yield "Retry-After"


def _error_response(status: int, codes: Sequence[Code]) -> Schema:
    several = [code.value for code in codes]
    told = {"properties": {"error": {"properties": {"code": {"enum": several}}}}}
    also = _ALSO.get(HTTPStatus(status), ())
    headers = _header_refs((*_EVERY_ANSWER, *also)) | {"x-ms-error-code": _header("The error's code.", enum=several)}
    sample = next(problem for problem in SAMPLES if problem.code in codes)
    content = {"schema": _ref(bodies.ErrorBody) | told, "example": error_body([sample])}
    return {"description": HTTPStatus(status).phrase, "headers": headers, "content": {media_types.JSON: content}}


def _header_refs(names: Iterable[str]) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _header(description: str, *, is_always_there: bool = True, **constraints: Any) -> Schema:
    return {"description": description, "required": is_always_there, "schema": {"type": "string", **constraints}}


def _ref(model: type[BaseModel]) -> Schema:
    return {"$ref": _COMPONENTS.format(model=model.__name__)}


def _component_schemas() -> dict[str, Schema]:
    told = {content for route in ROUTES for content in route.answers.values() if isinstance(content, str)}
    ordered = [getattr(bodies, name) for name in sorted(told | {bodies.ErrorBody.__name__})]
    _, definitions = models_json_schema([(model, "serialization") for model in ordered], ref_template=_COMPONENTS)
    answers = {name: _as_rendered(name, answer) for name, answer in definitions["$defs"].items()}
    parts = schema.document_schemas(_COMPONENTS)
    return answers | parts | {schema.PATCH: schema.patch_schema(parts)}


def _as_rendered(name: str, answer: Schema) -> Schema:
    """Return a model's schema as it is rendered: closed unless it is said to be open, and without unset fields."""
    if "properties" not in answer:
        return answer
    is_body = issubclass(getattr(bodies, name), bodies.Body)  # or a record of the domain, as it is stored
    properties = {
        field: _as_told(described, may_be_null=not is_body) for field, described in answer["properties"].items()
    }
    return {"additionalProperties": False} | answer | {"properties": properties}


def _as_told(described: Schema, *, may_be_null: bool) -> Schema:
    """A body's field that has a default is left out when it is not set, so it is never null."""
    told = {key: value for key, value in described.items() if key not in {"title", "default"}}
    if may_be_null or "default" not in described or "anyOf" not in told:
        return told
    (given,) = (choice for choice in told.pop("anyOf") if choice != {"type": "null"})
    return {**given, **told}
