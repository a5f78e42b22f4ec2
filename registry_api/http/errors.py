"""How problems are told: the HTTP status of every code, and the body of an error."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from registry_api.domain.problems import Code, Problem, sendable
from registry_api.http.messages import Answer

STATUS: Mapping[Code, HTTPStatus] = {
    Code.DOCUMENT_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.REGISTRY_ALREADY_EXISTS: HTTPStatus.CONFLICT,
    Code.REGISTRY_NAME_TAKEN: HTTPStatus.CONFLICT,
    Code.PRIMARY_LOCATION_IMMUTABLE: HTTPStatus.CONFLICT,
    Code.STORAGE_CONFIG_IMMUTABLE: HTTPStatus.CONFLICT,
    Code.REGION_REMOVAL_NOT_ALLOWED: HTTPStatus.CONFLICT,
    Code.DELETION_PROTECTED: HTTPStatus.CONFLICT,
    Code.REGISTRY_BEING_DELETED: HTTPStatus.CONFLICT,
    Code.CONCURRENT_CHANGES: HTTPStatus.CONFLICT,
    Code.PRECONDITION_FAILED: HTTPStatus.PRECONDITION_FAILED,
    Code.DELIVERY_REUSED: HTTPStatus.CONFLICT,
    Code.IDEMPOTENCY_KEY_REUSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Code.AUTHORIZATION_FAILED: HTTPStatus.FORBIDDEN,
    Code.RESOURCE_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.REGISTRY_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.OPERATION_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Code.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Code.LENGTH_REQUIRED: HTTPStatus.LENGTH_REQUIRED,
    Code.IDENTITY_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.AUTHORIZATION_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.STORAGE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.INTERNAL_ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Codes that are not here are the document's fault, or the query's: 400."""

_HEADERS: Mapping[HTTPStatus, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"www-authenticate": "Bearer"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"retry-after": "5"},
}


def status_of(code: Code) -> HTTPStatus:
    """Return the HTTP status of a code."""
    return STATUS.get(code, HTTPStatus.BAD_REQUEST)


def error_answer(problems: Sequence[Problem], headers: Mapping[str, str] | None = None) -> Answer:
    """Return the answer that tells these problems; several are 400 unless they agree."""
    statuses = {status_of(problem.code) for problem in problems}
    status = statuses.pop() if len(statuses) == 1 else HTTPStatus.BAD_REQUEST
    body = error_body(problems)
    told = {"x-ms-error-code": body["error"]["code"], **_HEADERS.get(status, {}), **(headers or {})}
    return Answer(status, headers=told, text=f"{json.dumps(body, ensure_ascii=False)}\n")


def error_body(problems: Sequence[Problem]) -> dict[str, Any]:
    """Return the body that tells these problems, as `bodies.ErrorBody` describes it; several are wrapped."""
    details = [describe(problem) for problem in problems]
    if len(details) == 1:
        return {"error": details[0]}
    message = f"{len(problems)} problems were found."
    return {"error": {"code": Code.MULTIPLE_ERRORS_OCCURRED, "message": message, "target": None, "details": details}}


def describe(problem: Problem) -> dict[str, Any]:
    """Return a problem as a caller sees it, as `bodies.ErrorDetail` describes it; its place only where it is known."""
    target = None if problem.target is None else sendable(problem.target)
    place = {} if problem.line is None else {"line": problem.line, "column": problem.column}
    return {"code": problem.code, "message": sendable(problem.message), "target": target, **place}
