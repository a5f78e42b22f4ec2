"""The Resource Manager door in memory: requests by their address, and a worker that a test lets work."""

import json
import re
from dataclasses import dataclass
from typing import Any

import azure.functions as func
import pytest

from registry_api import bootstrap
from registry_api.http.functions import function_of, no_such_route
from registry_api.http.routes import ALL_ROUTES
from registry_api.settings import Settings
from tests.http.twins import SETTINGS, WorldApp
from tests.service.world import World

URL = "http://localhost:7071/api"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
PROVIDER = "providers/Microsoft.MachineLearningServices"
GROUP = f"subscriptions/{SUBSCRIPTION}/resourceGroups/ml/{PROVIDER}/registries"
VERSION = "api-version=2024-04-01"


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def problem(self) -> tuple[int, str, str | None]:
        """Return status, code and target of a refusal."""
        return self.status, self.body["error"]["code"], self.body["error"]["target"]


class Door:
    """An app on twins. What it is asked goes the way that the host would choose."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self.app = WorldApp(Settings.read(SETTINGS), self.world)

    async def ask(self, method: str, address: str, body: object = None, **headers: str) -> Told:
        """Ask, with an api-version unless the address has a query."""
        path = address.removeprefix(f"{URL}/").removeprefix("/")
        path = path if "?" in path else f"{path}?{VERSION}"
        content = b"" if body is None else json.dumps(body).encode()
        handler, values = no_such_route, {"path": path.partition("?")[0]}
        for route in ALL_ROUTES:
            pattern = re.sub(r"\\\{([a-z]+)\\\}", r"(?P<\1>[^/]+)", re.escape(route.template))
            found = re.fullmatch(pattern, path.partition("?")[0], re.IGNORECASE)
            if found and route.method == method:
                handler, values = function_of(route), found.groupdict()
        sent = {"content-type": "application/json", "content-length": str(len(content))}
        answer = await handler(
            func.HttpRequest(
                method,
                f"{URL}/{path}",
                headers=sent | {name.replace("_", "-"): value for name, value in headers.items()},
                params={},
                route_params=values,
                body=content,
            )
        )
        if 400 <= answer.status_code < 500:
            assert "retry-after" not in answer.headers  # or the official clients would ask again and again
        text = answer.get_body()
        return Told(answer.status_code, dict(answer.headers), json.loads(text) if text.strip() else None)

    async def put(self, name: str = "Demo1", **body: Any) -> Told:
        """Create or change a registry."""
        return await self.ask("PUT", f"{GROUP}/{name}", body)

    async def get(self, name: str = "Demo1") -> Told:
        """Read a registry."""
        return await self.ask("GET", f"{GROUP}/{name}")


def open_door(monkeypatch: pytest.MonkeyPatch, world: World | None = None) -> Door:
    """Put an app on twins in the place of the real one."""
    door = Door(world)
    monkeypatch.setattr(bootstrap, "app", lambda: door.app)
    return door


def region(location: str, *storage: dict[str, Any], **others: Any) -> dict[str, Any]:
    """Return a region's details, as clients send them."""
    details = [{"systemCreatedStorageAccount": account} for account in storage]
    return {"location": location, **({"storageAccountDetails": details} if details else {}), **others}


def recorded(tags: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the body that azure-ai-ml 1.35.2 sends for a small registry."""
    acr = {"acrDetails": [{"systemCreatedAcrAccount": {"acrAccountSku": "Premium"}}]}
    zrs = {"storageAccountHnsEnabled": True, "storageAccountType": "standard_zrs"}
    return {
        "location": "eastus",
        "identity": {"type": "SystemAssigned"},
        "tags": tags or {"foo": "bar"},
        "properties": {
            "publicNetworkAccess": "Enabled",
            "regionDetails": [
                region("eastus", {"storageAccountHnsEnabled": False, "storageAccountType": "standard_lrs"}, **acr),
                region("westus", zrs, zrs, **acr),
            ],
            "managedResourceGroupTags": tags or {"foo": "bar"},
        },
    }
