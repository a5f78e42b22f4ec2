"""How registries and operations look in an answer."""

from typing import Any

from registry_api.domain.operation import Operation
from registry_api.domain.regions import Region
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Failure, Kind, Resource


def registry_body(registry: Registry) -> dict[str, Any]:
    """Return a registry as a caller sees it: what is wanted, and under `status` what is true."""
    spec = registry.spec.model_dump(mode="json")
    return {
        "id": registry.id,
        **{key: value for key, value in spec.items() if value is not None},
        "subscription_id": registry.scope.subscription_id,
        "resource_group": registry.scope.resource_group,
        "status": {
            "provisioning_state": registry.state.value,
            "generation": registry.generation,
            "observed_generation": registry.observed_generation,
            "operation": f"/api/operations/{registry.operation.id}",
            "regions": [_region(registry, region, resources) for region, resources in registry.regions.items()],
            "container_registry": _container_registry(registry),
            "conditions": [condition.model_dump(mode="json") for condition in registry.conditions],
        },
        "system_data": registry.system_data.as_json(),
        "etag": registry.etag,
    }


def operation_body(operation: Operation) -> dict[str, Any]:
    """Return an operation as a caller sees it."""
    body = operation.model_dump(mode="json", exclude={"traceparent", "error"})
    return {**body, "error": _failure(operation.error)}


def region_body(region: Region) -> dict[str, Any]:
    """Return a region of the catalogue as a caller sees it."""
    return {
        **region.model_dump(mode="json", exclude={"storage_account_open_subscription", "acr_registry_and_replication"}),
        "supported": region.missing_service is None,
    }


def _failure(failure: Failure | None) -> dict[str, str] | None:
    return {"code": failure.code, "message": failure.message} if failure else None


def _region(registry: Registry, region: str, resources: tuple[Resource, ...]) -> dict[str, Any]:
    accounts = [resource for resource in resources if resource.kind is Kind.STORAGE_ACCOUNT]
    copy = next((resource for resource in resources if resource.kind is not Kind.STORAGE_ACCOUNT), None)
    message = next((resource.failure.message for resource in resources if resource.failure), None)
    return {
        "location": region,
        "primary": region == registry.spec.location,
        "state": registry.region_states()[region].value,
        "storage_accounts": [{"name": account.name, **account.details} for account in accounts],
        "container_registry_replica": {"state": copy.state.value, **copy.details} if copy else None,
        "message": message,
    }


def _container_registry(registry: Registry) -> dict[str, str] | None:
    home = next((resource for resource in registry.resources if resource.kind is Kind.CONTAINER_REGISTRY), None)
    return {"name": home.name, **home.details} if home else None
