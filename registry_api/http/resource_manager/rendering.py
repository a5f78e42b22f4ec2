"""How registries and operations look in the Resource Manager contract."""

import uuid
from collections.abc import Sequence

from registry_api.domain.operation import Operation, OperationStatus
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Kind, Resource, state_of
from registry_api.domain.scope import REGISTRY_TYPE
from registry_api.domain.spec import ContainerRegistryConfig, StorageConfig
from registry_api.http.resource_manager.bodies import (
    AcrDetails,
    ArmResourceId,
    OperationFailure,
    OperationStatusBody,
    RegionDetails,
    RegionProgress,
    RegistryProperties,
    RegistryResource,
    RemovedRegion,
    StorageAccountDetails,
    SystemCreatedAcrAccount,
    SystemCreatedStorageAccount,
    SystemData,
)

_PROVIDED_BY = {
    Kind.STORAGE_ACCOUNT: "Microsoft.Storage/storageAccounts",
    Kind.CONTAINER_REGISTRY: "Microsoft.ContainerRegistry/registries",
}
_ARM_ID = "/subscriptions/"
_IN_PROGRESS = "InProgress"
_GONE = "Gone"


def registry_resource(registry: Registry, base_url: str) -> RegistryResource:
    """Return a registry, whole at every moment of its life."""
    spec, regions = registry.spec, registry.regions
    description = {} if spec.description is None else {"description": spec.description}
    return RegistryResource(
        id=registry.id,
        name=spec.name,
        type=REGISTRY_TYPE,
        location=spec.location,
        tags=spec.tags,
        system_data=SystemData.model_validate(registry.system_data.model_dump()),
        properties=RegistryProperties(
            region_details=[_region(registry, name, regions[name]) for name in spec.region_names],
            public_network_access=spec.public_network_access.capitalize(),
            intellectual_property_publisher=(
                spec.intellectual_property.publisher if spec.intellectual_property else None
            ),
            discovery_url=f"{base_url}/registrymanagement/v1.0/registries/{spec.name}/discovery",
            managed_resource_group=ArmResourceId(resource_id=_managed_group(registry)),
            managed_resource_group_tags=spec.tags,
            provisioning_state=registry.state,
            regions_being_removed=[
                RemovedRegion(location=name, provisioning_state=state_of(resources), **_message(resources))
                for name, resources in regions.items()
                if name not in spec.region_names
            ],
            **description,
        ),
    )


def operation_status(operation: Operation, path: str) -> OperationStatusBody:
    """Return how far an operation is, in the words that clients wait for."""
    ended = {} if operation.end_time is None else {"end_time": operation.end_time}
    error = operation.error
    failed = {} if error is None else {"error": OperationFailure(code=error.code, message=error.message)}
    is_under_way = operation.status in {OperationStatus.NOT_STARTED, OperationStatus.RUNNING}
    return OperationStatusBody(
        id=path,
        name=operation.id,
        status=_IN_PROGRESS if is_under_way else operation.status,
        percent_complete=operation.percent_complete,
        start_time=operation.start_time,
        regions=[
            RegionProgress(location=step.location, state=step.state or _GONE, message=step.message)
            for step in operation.steps
        ],
        **ended,
        **failed,
    )


def _region(registry: Registry, name: str, resources: Sequence[Resource]) -> RegionDetails:
    return RegionDetails(
        location=name,
        acr_details=[
            AcrDetails(system_created_acr_account=_container_registry(registry, resource))
            for resource in registry.resources
            if resource.kind is Kind.CONTAINER_REGISTRY  # gone at some time of a deletion
        ],
        storage_account_details=[
            StorageAccountDetails(system_created_storage_account=_storage_account(registry, resource))
            for resource in resources
            if resource.kind is Kind.STORAGE_ACCOUNT
        ],
        provisioning_state=state_of(resources),
        **_message(resources),
    )


def _storage_account(registry: Registry, resource: Resource) -> SystemCreatedStorageAccount:
    config = resource.storage_config or StorageConfig()
    return SystemCreatedStorageAccount(
        storage_account_name=resource.name,
        storage_account_type=config.storage_account_type,
        storage_account_hns_enabled=config.storage_account_hns,
        allow_blob_public_access=False,
        arm_resource_id=_resource_id(registry, resource),
    )


def _container_registry(registry: Registry, resource: Resource) -> SystemCreatedAcrAccount:
    return SystemCreatedAcrAccount(
        acr_account_name=resource.name,
        acr_account_sku=ContainerRegistryConfig().acr_account_sku,
        arm_resource_id=_resource_id(registry, resource),
    )


def _resource_id(registry: Registry, resource: Resource) -> ArmResourceId:
    """Return the id of a resource, which it has by its name before anybody has seen it."""
    seen = resource.details.get("id", "")
    named = f"{_managed_group(registry)}/providers/{_PROVIDED_BY[resource.kind]}/{resource.name}"
    return ArmResourceId(resource_id=seen if seen.startswith(_ARM_ID) else named)


def _managed_group(registry: Registry) -> str:
    """Return the id of the resource group that has the registry's resources; without one it is named as Azure would."""
    if registry.placement is not None and registry.managed_group is not None:
        return f"{_ARM_ID}{registry.placement.subscription_id}/resourceGroups/{registry.managed_group}"
    number = uuid.uuid5(uuid.NAMESPACE_OID, f"{registry.tenant}|{registry.incarnation}")
    return f"{_ARM_ID}{registry.scope.subscription_id}/resourceGroups/azureml-rg-{registry.spec.name}_{number}"


def _message(resources: Sequence[Resource]) -> dict[str, str]:
    failure = next((resource.failure for resource in resources if resource.failure), None)
    return {} if failure is None else {"message": failure.message}
