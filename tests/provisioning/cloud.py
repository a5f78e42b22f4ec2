"""A local backend on a real Azurite, and a worker that is reduced to its core."""

import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Self

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from registry_api.domain import lifecycle, visits
from registry_api.domain.caller import Caller
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.plan import Action, Observation, Verb, plan
from registry_api.domain.registry import Registry, Visit
from registry_api.domain.resources import Kind, Resource, ResourceKey
from registry_api.domain.scope import Scope
from registry_api.domain.spec import RegistrySpec
from registry_api.domain.visits import Findings
from registry_api.provisioning.accounts import account_of
from registry_api.provisioning.local import LocalBackend
from registry_api.settings import DEVELOPMENT_KEY

TENANT = "00000000-0000-0000-0000-000000000001"


def acceptance() -> Acceptance:
    """Return what an accepted request brings along."""
    now = datetime.now(UTC)
    return Acceptance(
        caller=Caller(tenant=TENANT, name="somebody"),
        now=now,
        operation_id=f"made.{secrets.token_hex(8)}",
        visit=Visit(token=secrets.token_hex(8), due=now),
    )


def spec(*regions: str, hns: bool = False, count: int = 1) -> RegistrySpec:
    """Return a spec for these regions, the first of which is the primary one."""
    config = {"storage_account_hns": hns, "replication_count": count}
    return RegistrySpec.model_validate(
        {
            "name": "Made-Models",
            "location": regions[0],
            "replication_locations": [{"location": region, "storage_config": config} for region in regions],
        }
    )


def new_registry(*regions: str, hns: bool = False, count: int = 1) -> Registry:
    """Return a registry that never was before, so that its resources have names of their own."""
    scope = Scope(subscription_id="00000000-0000-0000-0000-000000000000", resource_group="registries")
    return lifecycle.create(spec(*regions, hns=hns, count=count), scope, acceptance())


def resource_of(registry: Registry, kind: Kind, region: str = "eastus", ordinal: int = 0) -> Resource:
    """Return one of a registry's resources."""
    key = ResourceKey(kind, region, ordinal)
    return next(resource for resource in registry.resources if resource.key == key)


class Cloud:
    """The backend under test, and a look behind it with clients of its own."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.backend = LocalBackend(endpoint, DEVELOPMENT_KEY)
        self._clients = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._clients.push_async_callback(self.backend.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._clients.aclose()

    async def container(self, resource: Resource) -> ContainerClient:
        """Return a client for the container behind a resource."""
        account = account_of(resource.region)
        service = BlobServiceClient(
            f"{self.endpoint}/{account}",
            credential=AzureNamedKeyCredential(account, DEVELOPMENT_KEY),
            use_env_settings=False,
        )
        await self._clients.enter_async_context(service)
        suffix = "-assets" if resource.kind is Kind.STORAGE_ACCOUNT else ""
        return service.get_container_client(resource.name + suffix)

    async def start(self, registry: Registry, verb: Verb, resource: Resource) -> None:
        """Start one action."""
        await self.backend.start(registry, Action(verb, resource))

    async def observe(self, registry: Registry) -> dict[ResourceKey, Observation]:
        """Observe all resources of a registry."""
        return {resource.key: await self.backend.observe(registry, resource) for resource in registry.resources}

    async def converge(self, registry: Registry, rounds: int = 4) -> Registry | None:
        """Visit a registry until nothing is left to do; return it, or None when it is gone."""
        for _ in range(rounds):
            observed = await self.observe(registry)
            remaining = plan(registry.resources, registry.wanted, observed)
            for action in remaining:
                if action.can_start:
                    await self.backend.start(registry, action)
            visited = visits.end_visit(registry, Findings(registry.serial, observed, remaining), datetime.now(UTC))
            if visited is None or not remaining:
                return visited
            registry = visited
        raise AssertionError(f"not converged within {rounds} rounds: {remaining}")


async def contents(container: ContainerClient) -> Mapping[str, bytes]:
    """Return every blob of a container."""
    names = [blob.name async for blob in container.list_blobs()]
    return {name: await (await container.download_blob(name)).readall() for name in names}
