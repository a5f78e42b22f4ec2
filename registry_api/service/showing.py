"""How a registry is shown to callers: computed when it is written, so that a reader has nothing left to compute."""

from collections.abc import Iterable
from typing import Any

from pydantic_core import to_json

from registry_api.domain.registry import Registry
from registry_api.domain.resources import Kind, Resource, state_of
from registry_api.service.views import View

FORM = 2
"""Counts the forms that views have had; to be raised with every change of the form.

A registry's record has the form of its view, and the resync writes those anew that are of another form.
"""


def view_of(registry: Registry, *, is_real: bool = True) -> View:
    """Return a registry as callers see it.

    Args:
        registry: The registry.
        is_real: Whether it is stored. If it is not, because a request was only to be validated, its operation is
            not shown: nobody could follow it.
    """
    body = {
        "id": registry.id,
        **registry.spec.model_dump(exclude_none=True),
        "subscription_id": registry.scope.subscription_id,
        "resource_group": registry.scope.resource_group,
        "status": {
            "provisioning_state": registry.state,
            "generation": registry.generation,
            "observed_generation": registry.observed_generation,
            "operation": f"/api/operations/{registry.operation.id}" if is_real else None,
            "regions": [_region(registry, region, resources) for region, resources in registry.regions.items()],
            "container_registry": _container_registry(registry.resources),
            "managed_resource_group": registry.managed_group,
            "conditions": registry.conditions,
        },
        "system_data": registry.system_data,
        "etag": registry.etag,
    }
    return View(to_json(body).decode())


def _region(registry: Registry, region: str, resources: Iterable[Resource]) -> dict[str, Any]:
    accounts = [one for one in resources if one.kind is Kind.STORAGE_ACCOUNT and one.known_name]
    copy = next((one for one in resources if one.kind in {Kind.CONTAINER_REGISTRY, Kind.REPLICA}), None)
    return {
        "location": region,
        "primary": region == registry.spec.location,
        "state": state_of(resources),
        "storage_accounts": [{"name": account.known_name, **account.details} for account in accounts],
        "container_registry_replica": {"state": copy.state, **copy.details} if copy else None,
        "message": next((one.failure.message for one in resources if one.failure), None),
    }


def _container_registry(resources: Iterable[Resource]) -> dict[str, str] | None:
    home = next((one for one in resources if one.kind is Kind.CONTAINER_REGISTRY), None)
    return {"name": home.known_name, **home.details} if home is not None and home.known_name else None
