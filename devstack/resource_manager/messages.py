"""Requests, answers and errors, as Azure Resource Manager has them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `path` is as it was sent; Azure's paths have no case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def body(self) -> dict[str, Any]:
        """Return what was sent.

        Raises:
            ArmError: If it is no JSON object.
        """
        try:
            found = json.loads(self.content or b"{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ArmError(HTTPStatus.BAD_REQUEST, "InvalidRequestContent", "The request content was invalid.")
        return found


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; without a body it is empty."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """Return the bytes of the body."""
        return b"" if self.body is None else json.dumps(self.body).encode()


class ArmError(Exception):
    """A refusal."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        additional_info: list[Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.response = Response(status, _error(code, message, additional_info), headers or {})


def _error(code: str, message: str, additional_info: list[Any] | None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    if additional_info is not None:
        error["additionalInfo"] = additional_info
    return {"error": error}


def not_found(resource: str) -> ArmError:
    """Return the refusal of a request for what is not there."""
    return ArmError(HTTPStatus.NOT_FOUND, "ResourceNotFound", f"The Resource '{resource}' was not found.")


def paged(request: Request, base_url: str, items: list[Any], size: int) -> Response:
    """Return a page of a list, and the address of the next one as `nextLink`."""
    start = int(request.query.get("$skiptoken", "0"))
    body: dict[str, Any] = {"value": items[start : start + size]}
    if start + size < len(items):
        query = {**request.query, "$skiptoken": str(start + size)}
        body["nextLink"] = f"{base_url}{request.path}?" + "&".join(f"{key}={value}" for key, value in query.items())
    return Response(HTTPStatus.OK, body)
