"""The control plane on the Azure backend, with the real SDK and the stand-in for Resource Manager, in one time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from azure.core.credentials import AccessToken

from devstack.resource_manager.running import RunningResourceManager
from registry_api.domain.names import RegistryKey
from registry_api.domain.placement import Placement
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Kind, Resource
from registry_api.provisioning.arm import ResourceManager
from registry_api.provisioning.arm_resources import Description, describe
from registry_api.provisioning.azure import AzureBackend
from registry_api.provisioning.azureml import MachineLearningBackend
from registry_api.service import reconcile, resync
from registry_api.service.messages import Message
from registry_api.service.ports import Ports
from tests.service.world import World
from tests.simulation.boundaries import Call, Hook, guard

SUBSCRIPTION = "00000000-0000-0000-0000-00000000000b"
OWN_GROUPS = Placement(subscription_id=SUBSCRIPTION)
SHARED_GROUP = Placement(subscription_id=SUBSCRIPTION, resource_group="shared")
LIMIT = 7200


class Token:
    """A credential that the stand-in takes, as it takes every other."""

    def __init__(self) -> None:
        self.given = 0

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token."""
        del scopes, options
        self.given += 1
        return AccessToken("anything", int(time.time()) + 3600)

    async def close(self) -> None:
        """Do nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """Do nothing."""


async def perform(call: Call, perform: Callable[[], Awaitable[Any]]) -> Any:
    """Let a call happen."""
    del call
    return await perform()


class AzureWorld(World):
    """A control plane whose cloud is the stand-in. As a context manager it closes its connections.

    Args:
        azure: The stand-in, whose clock stands still.
        placement: Where registries are made.
        hook: Stands at every call of Azure Resource Manager.
    """

    backend_type: type[AzureBackend | MachineLearningBackend] = AzureBackend

    def __init__(self, azure: RunningResourceManager, placement: Placement = OWN_GROUPS, hook: Hook = perform) -> None:
        super().__init__()
        self.azure = azure
        self.placement = placement
        self.is_forgetful = False  # whether every visit is made by another process
        self._hook = hook
        self._managers: list[ResourceManager] = []
        self.restart()
        if placement.resource_group is not None:
            group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{placement.resource_group}"
            self.put_thing(group, "Microsoft.Resources/resourceGroups", {"location": "eastus"})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for manager in self._managers:
            await manager.close()

    def restart(self) -> None:
        """Let the worker's process be another one, which remembers nothing."""
        manager = ResourceManager(self.azure.url, Token(), self.clock)
        self._managers.append(manager)
        self.worker = self.backend_type(guard(manager, "arm", self._hook), self.clock)

    @property
    def ports(self) -> Ports:
        """Return what functions of the service need."""
        return replace(super().ports, placement=self.placement)

    async def visit(self, message: Message) -> None:
        """Do what the worker does with a message."""
        if self.is_forgetful:
            self.restart()
        await reconcile.visit(message, ports=self.ports, backend=self.worker)

    async def tick(self) -> None:
        """Do what the resync timer does."""
        await resync.tick(ports=self.ports, backend=self.worker)

    def advance(self, seconds: float) -> None:
        """Let time pass, here and in the cloud."""
        self.clock.advance(seconds)
        self.azure.control("POST", "clock", {"advance": seconds})

    async def settle(self, seconds: int = LIMIT) -> int:
        """Let time pass and the worker work until no message is left; return how many seconds it took.

        Raises:
            AssertionError: If messages are still coming after so many seconds.
        """
        began = self.clock.now()
        while (self.clock.now() - began).total_seconds() < seconds:
            while await self.work_once():
                pass
            entries = self.queue._entries.values()
            if not entries:
                return int((self.clock.now() - began).total_seconds())
            wait = min(entry.visible_at for entry in entries) - self.clock.now()
            self.advance(max(wait.total_seconds(), 1))
        raise AssertionError(f"Messages are still coming after {seconds} seconds.")

    # What is in the cloud, and what others do there.

    def things(self) -> dict[str, Any]:
        """Return everything in the cloud, by id."""
        return {thing["id"]: thing for thing in self.azure.control("GET", "things")}

    def put_thing(self, resource_id: str, kind: str, body: dict[str, Any]) -> None:
        """Let somebody else make something."""
        self.azure.control("PUT", "things", {"id": resource_id, "type": kind, "body": body})

    def change_thing(self, resource_id: str, **changes: Any) -> None:
        """Let somebody else change something."""
        self.azure.control("PATCH", "things", {"id": resource_id, **changes})

    def remove_thing(self, resource_id: str) -> None:
        """Let somebody else remove something."""
        self.azure.control("DELETE", "things", {"id": resource_id})

    def fail(self, method: str, path: str, status: int, code: str, **more: Any) -> None:
        """Let the next requests that match fail."""
        fault = {"method": method, "path": path, "status": status, "code": code, **more}
        self.azure.control("POST", "faults", fault)

    def requests(self, *methods: str) -> list[dict[str, Any]]:
        """Return the requests with these methods so far."""
        return [entry for entry in self.azure.control("GET", "log") if entry["method"] in methods]

    async def description(self, kind: Kind, region: str = "eastus", ordinal: int = 0) -> Description:
        """Return what one of the registry's resources is to be."""
        registry = await self.read()
        for resource in registry.resources:
            if resource.key == (kind, region, ordinal):
                return describe_in(registry, resource)
        raise AssertionError(f"There is no {kind} in {region}.")

    async def differences(self) -> list[str]:
        """Return how the cloud differs from what the registry is to have; nothing when there is no registry."""
        stored = await self.store.read(RegistryKey("tenant", "demo1"))
        expected = set[str]()
        if stored is not None:
            for resource in stored.registry.resources:
                description = describe_in(stored.registry, resource)
                expected.add(description.id)
                if resource.kind is Kind.STORAGE_ACCOUNT:
                    expected.add(description.container_id)
                if resource.kind is Kind.CONTAINER_REGISTRY:
                    expected.add(f"{description.id}/replications/{resource.region}")
        there = {key for key, thing in self.things().items() if not key.endswith("/shared") and thing is not None}
        return sorted([f"missing: {key}" for key in expected - there] + [f"left: {key}" for key in there - expected])


def describe_in(registry: Registry, resource: Resource) -> Description:
    """Return what a registry's resource is to be."""
    assert registry.placement is not None
    assert registry.managed_group is not None
    return describe(registry, resource, registry.placement.subscription_id, registry.managed_group)


async def others_are_done() -> None:
    """Wait until every other task has ended."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others)
