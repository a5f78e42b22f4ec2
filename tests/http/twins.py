"""The app at its rim, on twins of everything behind it."""

import json
from typing import Any

import azure.functions as func

from registry_api.access.identity import identity_for
from registry_api.access.roles import StaticRoles
from registry_api.access.webhooks import Webhooks
from registry_api.bootstrap import App, RandomIds, SystemClock
from registry_api.http.routes import ALL_ROUTES
from registry_api.service.ports import Ports
from registry_api.settings import Settings
from registry_api.storage.memory import MemoryQueue, MemoryRows
from registry_api.storage.store import RegistryStore

ROUTE = {route.name: route for route in ALL_ROUTES}
SETTINGS = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}


def app_for(environment: dict[str, str]) -> App:
    """Return an app on twins of its storage."""
    settings = Settings.read(environment)
    clock = SystemClock()
    ports = Ports(RegistryStore(MemoryRows()), MemoryQueue(clock), clock, RandomIds(), StaticRoles(settings.role_book))
    return App(settings, ports, identity_for(settings, clock), Webhooks(settings.webhooks, clock))


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
