"""The app at its rim, on twins of everything behind it."""

import json
from functools import cached_property
from typing import Any

import azure.functions as func

from registry_api.bootstrap import App, SystemClock
from registry_api.http.routes import ALL_ROUTES
from registry_api.service.ports import Ports, Roles, Views
from registry_api.settings import Settings
from registry_api.storage.memory import MemoryQueue, MemoryRows
from tests.service.world import World

ROUTE = {route.name: route for route in ALL_ROUTES}
SETTINGS = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}


class TwinApp(App):
    """An app on twins of its storage."""

    @cached_property
    def rows(self) -> MemoryRows:
        """Return rows in memory."""
        return MemoryRows()

    @cached_property
    def queue(self) -> MemoryQueue:
        """Return a queue in memory."""
        return MemoryQueue(self._clock)


class WorldApp(App):
    """An app on everything that a world has."""

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__(settings, world.clock)
        self._world = world

    @cached_property
    def roles(self) -> Roles:
        """Return those of the world."""
        return self._world.roles

    @cached_property
    def views(self) -> Views:
        """Return those of the world."""
        return self._world.views

    @cached_property
    def ports(self) -> Ports:
        """Return those of the world."""
        return self._world.ports


def app_for(environment: dict[str, str]) -> App:
    """Return an app on twins of its storage."""
    return TwinApp(Settings.read(environment), SystemClock())


def request(method: str = "GET", path: str = "registries/Demo1", body: bytes = b"", **headers: str) -> func.HttpRequest:
    """Return a request as the host hands it over."""
    return func.HttpRequest(
        method,
        f"http://localhost:7071/api/{path}",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        params={},
        route_params={"path": path} | dict.fromkeys(("name", "source"), path.rpartition("/")[2]),
        body=body,
    )


def body_of(response: func.HttpResponse) -> Any:
    """Return what an answer's body says."""
    return json.loads(response.get_body())
