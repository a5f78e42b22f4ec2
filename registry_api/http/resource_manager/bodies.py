"""The shapes that the Resource Manager contract has, as far as this service has something to put into them.

The official clients crash on some of what the contract allows (azure-ai-ml 1.35.2, Registry._from_rest_object): a
registry without `properties`, several storage accounts of a region without ids, a storage account without a body.
None of these can be made of the models here.
"""

from typing import Any

from pydantic import AwareDatetime, ConfigDict
from pydantic.alias_generators import to_camel

from registry_api.domain.record import Record


class Body(Record):
    """A part of an answer, whose fields are camelCase on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True)


class ArmResourceId(Body):
    """The id of a resource."""

    resource_id: str


class SystemCreatedStorageAccount(Body):
    """A storage account. Its name is decided before it is made, so its id is known from the beginning."""

    storage_account_name: str
    storage_account_type: str
    storage_account_hns_enabled: bool
    allow_blob_public_access: bool
    arm_resource_id: ArmResourceId


class StorageAccountDetails(Body):
    """A storage account of a region; there are no others than those that the service makes."""

    system_created_storage_account: SystemCreatedStorageAccount


class SystemCreatedAcrAccount(Body):
    """The container registry, which every region repeats."""

    acr_account_name: str
    acr_account_sku: str
    arm_resource_id: ArmResourceId


class AcrDetails(Body):
    """The container registry of a region."""

    system_created_acr_account: SystemCreatedAcrAccount


class RegionDetails(Body):
    """A region, and, beyond the contract, how far it is."""

    location: str
    acr_details: list[AcrDetails]
    storage_account_details: list[StorageAccountDetails]
    provisioning_state: str
    message: str | None = None


class RemovedRegion(Body):
    """A region on its way out, which is none of the registry's any more."""

    location: str
    provisioning_state: str
    message: str | None = None


class RegistryProperties(Body):
    """What a registry is; `provisioning_state` and `description` are beyond most versions of the contract."""

    region_details: list[RegionDetails]
    public_network_access: str
    intellectual_property_publisher: str | None
    discovery_url: str
    managed_resource_group: ArmResourceId
    managed_resource_group_tags: dict[str, str]
    provisioning_state: str
    regions_being_removed: list[RemovedRegion]
    description: str | None = None


class SystemData(Body):
    """Who made it and who changed it last."""

    created_by: str
    created_by_type: str
    created_at: AwareDatetime
    last_modified_by: str
    last_modified_by_type: str
    last_modified_at: AwareDatetime


class RegistryResource(Body):
    """A registry."""

    id: str
    name: str
    type: str
    location: str
    tags: dict[str, str]
    system_data: SystemData
    properties: RegistryProperties


class RegistryList(Body):
    """Some registries, and the address of the next ones."""

    value: list[RegistryResource]
    next_link: str | None = None


class OperationFailure(Body):
    """Why an operation has failed or was canceled."""

    code: str
    message: str


class RegionProgress(Body):
    """How far an operation is in a region."""

    location: str
    state: str
    message: str | None = None


class OperationStatusBody(Body):
    """How far an operation is."""

    id: str
    name: str
    status: str
    percent_complete: float
    start_time: AwareDatetime
    end_time: AwareDatetime | None = None
    error: OperationFailure | None = None
    regions: list[RegionProgress]


class FailureBody(Body):
    """What the final address of an operation answers that has failed."""

    error: OperationFailure


class Discovery(Body):
    """Where a registry is."""

    registry_name: str
    tenant_id: str
    primary_region: str
    regions: list[str]
    subscription_id: str
    resource_group: str
    primary_region_resource_provider_uri: str


class CloudMetadata(Body):
    """Where the services of this cloud are."""

    name: str
    portal: str
    resource_manager: str
    authentication: dict[str, Any]
    suffixes: dict[str, str]
