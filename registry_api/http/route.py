"""A route: what serves one method of one path, and what it takes and answers.

Routes are made at every cold start, and what serves them is imported when it is first asked for.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from registry_api.domain.problems import Code
from registry_api.http.parameters import Parameter

if TYPE_CHECKING:
    from registry_api.bootstrap import App
    from registry_api.http.messages import Answer, Request

PREFIX = "api"  # host.json, extensions.http.routePrefix

Handler = Callable[["Request", "App"], Awaitable["Answer"]]
Check = Callable[["Request", Sequence[Parameter]], "Request"]
Content = str | Sequence[str] | None
"""What an answer has in its body: JSON of the shape of a model of `bodies`, one of some media types, or nothing."""


class Takes(StrEnum):
    """What the body of a request is."""

    NOTHING = "nothing"
    DOCUMENT = "document"
    MERGE_PATCH = "merge patch"
    DELIVERY = "delivery"


class Route(NamedTuple):
    """One method of one path.

    `handler` and `check`, which the query has to pass first, are `module.function`, of a module of `registry_api.http`.
    The handler's name is the function's name on Azure, its docstring the description.
    """

    method: str
    template: str
    handler: str
    answers: Mapping[int, Content]
    codes: Sequence[Code] = ()
    query: Sequence[Parameter] = ()
    headers: Sequence[Parameter] = ()
    takes: Takes = Takes.NOTHING
    check: str = "arguments.check_query"

    @property
    def name(self) -> str:
        """Return the function's name."""
        return self.handler.rpartition(".")[2]

    @property
    def module(self) -> str:
        """Return the module that the handler is in."""
        return self.handler.rpartition(".")[0]

    def load(self) -> Handler:
        """Return what serves the route, imported at the first use."""
        handler: Handler = _named(self.handler)
        return handler

    def load_check(self) -> Check:
        """Return what a request's query has to pass first."""
        check: Check = _named(self.check)
        return check

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


@cache
def _named(name: str) -> Any:
    """Return the function that `module.function` names, imported at the first use."""
    module, _, function = name.rpartition(".")
    return getattr(import_module(f"registry_api.http.{module}"), function)
