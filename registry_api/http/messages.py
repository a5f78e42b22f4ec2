"""A request and an answer, as the handlers see them: without the host's SDK."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from registry_api.domain.problems import Code, Problem, Refusal


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller sent. Header names are lower-cased; `base_url` is the address of the API without a final slash."""

    method: str
    base_url: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def check_query(self, *known: str) -> None:
        """Accept only parameters that the operation knows; `code` is the host's own.

        Raises:
            Refusal: For every other one.
        """
        unknown = [name for name in self.query if name not in {*known, "code"}]
        if unknown:
            allowed = f"known are {', '.join(known)}" if known else "this request takes none"
            raise Refusal(
                *(
                    Problem(Code.UNKNOWN_PARAMETER, f"'{name}' is not a query parameter here; {allowed}.", (name,))
                    for name in unknown
                )
            )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller gets. The body is a JSON value, or None for no body at all."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
