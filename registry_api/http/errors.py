"""How problems are told: the HTTP status of every code, and the body of an error."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from registry_api.domain.problems import Code, Problem
from registry_api.http.messages import Answer

STATUS: Mapping[Code, HTTPStatus] = {
    Code.DOCUMENT_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.REGISTRY_ALREADY_EXISTS: HTTPStatus.CONFLICT,
    Code.REGISTRY_NAME_TAKEN: HTTPStatus.CONFLICT,
    Code.PRIMARY_LOCATION_IMMUTABLE: HTTPStatus.CONFLICT,
    Code.STORAGE_CONFIG_IMMUTABLE: HTTPStatus.CONFLICT,
    Code.DELETION_PROTECTED: HTTPStatus.CONFLICT,
    Code.REGISTRY_BEING_DELETED: HTTPStatus.CONFLICT,
    Code.CONCURRENT_CHANGES: HTTPStatus.CONFLICT,
    Code.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Code.RESOURCE_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.REGISTRY_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.OPERATION_NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Code.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Code.LENGTH_REQUIRED: HTTPStatus.LENGTH_REQUIRED,
    Code.STORAGE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.INTERNAL_ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Codes that are not here are the document's fault, or the query's: 400."""


def error_answer(problems: Sequence[Problem], headers: Mapping[str, str] | None = None) -> Answer:
    """Return the answer that tells these problems; several are wrapped, and are 400 unless they agree."""
    statuses = {STATUS.get(problem.code, HTTPStatus.BAD_REQUEST) for problem in problems}
    status = statuses.pop() if len(statuses) == 1 else HTTPStatus.BAD_REQUEST
    if len(problems) == 1:
        error = _describe(problems[0])
    else:
        error = {
            "code": Code.MULTIPLE_ERRORS_OCCURRED.value,
            "message": f"{len(problems)} problems were found.",
            "target": None,
            "details": [_describe(problem) for problem in problems],
        }
    return Answer(status, {"error": error}, {"x-ms-error-code": error["code"], **(headers or {})})


def _describe(problem: Problem) -> dict[str, Any]:
    described: dict[str, Any] = {
        "code": problem.code.value,
        "message": problem.message,
        "target": problem.target,
    }
    if problem.line is not None:
        described |= {"line": problem.line, "column": problem.column}
    return described
