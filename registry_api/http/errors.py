"""How problems are told: the HTTP status of every code, and the body of an error."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from registry_api.domain.problems import Code, Problem
from registry_api.http.bodies import Error, ErrorBody
from registry_api.http.messages import Answer
from registry_api.http.render import problem_body

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
    """Return the answer that tells these problems; several are wrapped, and are 400 unless they agree."""
    statuses = {status_of(problem.code) for problem in problems}
    status = statuses.pop() if len(statuses) == 1 else HTTPStatus.BAD_REQUEST
    details = [problem_body(problem) for problem in problems]
    if len(details) == 1:
        error = Error(**details[0].model_dump(exclude_unset=True))
    else:
        error = Error(
            code=Code.MULTIPLE_ERRORS_OCCURRED,
            message=f"{len(problems)} problems were found.",
            target=None,
            details=details,
        )
    told = {"x-ms-error-code": error.code.value, **_HEADERS.get(status, {}), **(headers or {})}
    return Answer(status, ErrorBody(error=error), told)
