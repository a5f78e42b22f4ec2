"""The documents about the API: OpenAPI, the schema of a registry document, and a page to read and try it all."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path

from registry_api.bootstrap import App
from registry_api.domain.conditions import Conditions
from registry_api.domain.problems import Code, refuse
from registry_api.http.media_types import CSS, HTML, JAVASCRIPT, JSON, JSON_SCHEMA
from registry_api.http.messages import Answer, Request
from registry_api.http.parameters import IF_NONE_MATCH

_HERE = Path(__file__).parent
_PAGE = _HERE / "page"  # ours
_ASSETS = _HERE / "assets"  # Swagger UI, put there by `make install`
ASSETS: Mapping[str, Path] = {
    "page.css": _PAGE / "page.css",
    "page.js": _PAGE / "page.js",
    "swagger-ui.css": _ASSETS / "swagger-ui.css",
    "swagger-ui-bundle.js": _ASSETS / "swagger-ui-bundle.js",
}

# Swagger UI styles its elements inline; scripts come from here alone, and nothing is fetched from elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}


@dataclass(frozen=True, slots=True)
class _Page:
    """Something to be sent as it is, with the tag that tells whether a caller has it already."""

    content: bytes
    media_type: str

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'

    def answer(self, request: Request, headers: Mapping[str, str] | None = None) -> Answer:
        headers = {**_HEADERS, "etag": self.etag, **(headers or {})}
        conditions = Conditions.parse(None, request.headers.get(IF_NONE_MATCH.name.lower()))
        if conditions.excludes(self.etag):
            return Answer(HTTPStatus.NOT_MODIFIED, headers=headers)
        return Answer(HTTPStatus.OK, headers=headers, text=self.content, media_type=self.media_type)


async def get_openapi(request: Request, app: App) -> Answer:
    """Read this document."""
    del app
    return _openapi().answer(request)


async def get_registry_schema(request: Request, app: App) -> Answer:
    """Read the JSON Schema of a registry document.

    Name it in a document's `$schema`, or in a comment `# yaml-language-server: $schema=...`, and an editor completes
    and checks what is written.
    """
    del app
    return _registry_schema().answer(request)


async def get_docs(request: Request, app: App) -> Answer:
    """Read the API's documentation, and try it."""
    del app
    name = "index.html" if all(path.is_file() for path in ASSETS.values()) else "assets-missing.html"
    return _file(_PAGE / name, HTML).answer(request, {"content-security-policy": _POLICY})


async def get_docs_file(request: Request, app: App) -> Answer:
    """Read a file of the documentation page."""
    del app
    path = ASSETS.get(request.path["file"])
    if path is None or not path.is_file():
        raise refuse(Code.RESOURCE_NOT_FOUND, f"There is no such file; there are {', '.join(ASSETS)}.", "file")
    return _file(path, CSS if path.suffix == ".css" else JAVASCRIPT).answer(request)


@cache
def _openapi() -> _Page:
    from registry_api.http.openapi import openapi_document  # noqa: PLC0415 - it knows the routes, which know this

    return _json_page(openapi_document(), JSON)


@cache
def _registry_schema() -> _Page:
    from registry_api.http.schema import registry_schema  # noqa: PLC0415 - built at first use

    return _json_page(registry_schema(), JSON_SCHEMA)


@cache
def _file(path: Path, media_type: str) -> _Page:
    return _Page(path.read_bytes(), media_type)


def _json_page(document: object, media_type: str) -> _Page:
    return _Page(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(), media_type)
