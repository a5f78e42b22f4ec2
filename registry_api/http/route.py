"""A route: what serves one method of one path, and what it takes and answers."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel

from registry_api.bootstrap import App
from registry_api.domain.problems import Code
from registry_api.http.messages import Answer, Parameter, Request
from registry_api.http.parameters import check_query

PREFIX = "api"  # host.json, extensions.http.routePrefix

Handler = Callable[[Request, App], Awaitable[Answer]]
Content = type[BaseModel] | Sequence[str] | None
"""What an answer has in its body: JSON of a model's shape, something of one of these media types, or nothing."""


class Takes(StrEnum):
    """What the body of a request is."""

    NOTHING = "nothing"
    DOCUMENT = "document"
    MERGE_PATCH = "merge patch"
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path. The handler's name is the function's name on Azure, its docstring the description."""

    method: str
    template: str
    handler: Handler
    answers: Mapping[int, Content]
    codes: Sequence[Code] = ()
    query: Sequence[Parameter] = ()
    headers: Sequence[Parameter] = ()
    takes: Takes = Takes.NOTHING
    checked: Callable[[Request, Sequence[Parameter]], Request] = check_query

    @property
    def name(self) -> str:
        """Return the function's name."""
        return self.handler.__name__

    @property
    def is_public(self) -> bool:
        """Tell whether anybody may ask, without saying who it is."""
        return Code.UNAUTHENTICATED not in self.codes

    @property
    def is_signed(self) -> bool:
        """Tell whether what is sent has to prove who has sent it; the handler verifies that."""
        return self.takes is Takes.DELIVERY

    def matches(self, path: str) -> bool:
        """Tell whether a path, without the prefix, is one of this route's."""
        pattern = "[^/]+".join(map(re.escape, re.split(r"\{[a-z]+\}", self.template)))
        return re.fullmatch(pattern, path.strip("/"), re.IGNORECASE) is not None
