"""Every route of the API: the one table that serves requests and answers wrong methods."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from registry_api.bootstrap import App
from registry_api.http import health, operations, registries
from registry_api.http.messages import Answer, Request

PREFIX = "api"  # host.json, extensions.http.routePrefix

Handler = Callable[[Request, App], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path. The handler's name is the function's name on Azure."""

    method: str
    template: str
    handler: Handler

    @property
    def name(self) -> str:
        """Return the function's name."""
        return self.handler.__name__

    def matches(self, path: str) -> bool:
        """Tell whether a path, without the prefix, is one of this route's."""
        pattern = re.sub(r"\{[a-z]+\}", "[^/]+", self.template)
        return re.fullmatch(pattern, path.strip("/"), re.IGNORECASE) is not None


ROUTES = (
    Route("GET", "registries", registries.list_registries),
    Route("POST", "registries", registries.create_registry),
    Route("GET", "registries/{name}", registries.get_registry),
    Route("PUT", "registries/{name}", registries.put_registry),
    Route("DELETE", "registries/{name}", registries.delete_registry),
    Route("GET", "operations/{id}", operations.get_operation),
    Route("GET", "regions", registries.list_regions),
    Route("GET", "health", health.get_health),
    Route("GET", "health/ready", health.get_readiness),
)


def methods_of(path: str) -> list[str]:
    """Return the methods that a path, without the prefix, allows; none when there is no such path."""
    return sorted(route.method for route in ROUTES if route.matches(path))
