"""A registry's resources as Azure knows them: ids, versions of the API, what is asked for, what an answer means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry_api.domain import regions
from registry_api.domain.plan import Presence
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Kind, Resource
from registry_api.domain.spec import StorageConfig

CONTAINER = "assets"

# The versions of the API, pinned here and nowhere else: what a newer one means is found out by tests, not by an update.
VERSIONS = {
    Kind.RESOURCE_GROUP: "2021-04-01",
    Kind.STORAGE_ACCOUNT: "2024-01-01",
    Kind.CONTAINER_REGISTRY: "2025-04-01",
    Kind.REPLICA: "2025-04-01",
}

_DELETING = "Deleting"
_SUCCEEDED = "Succeeded"
_BROKEN = {"Failed", "Canceled"}
_LEFT_OUT = {"isHnsEnabled": False, "publicNetworkAccess": "Enabled"}  # what it means that an answer does not tell


@dataclass(frozen=True, slots=True)
class Description:
    """One resource as it is to be. `about` says in words for people which one it is."""

    id: str
    version: str
    body: Mapping[str, Any]
    about: str

    @property
    def container_id(self) -> str:
        """Return the id of a storage account's one container."""
        return f"{self.id}/blobServices/default/containers/{CONTAINER}"

    def is_owned(self, found: Mapping[str, Any]) -> bool:
        """Tell by its tags whether what was found belongs to the registry. What has other tags is never touched."""
        tags = found.get("tags") or {}
        return all(tags.get(key) == value for key, value in self.body["tags"].items())

    def merged(self, found: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return what to send so that it is as it is to be; tags that others put there stay, and the kind, for good."""
        there = found or {}
        kept = {"kind": there["kind"]} if "kind" in self.body and there.get("kind") else {}
        return {**self.body, **kept, "tags": {**(there.get("tags") or {}), **self.body["tags"]}}

    def presence(self, found: Mapping[str, Any]) -> Presence:
        """Tell what an answer means."""
        state = state_of(found)
        if state in _BROKEN:
            return Presence.DIFFERENT
        if state != _SUCCEEDED:
            return Presence.CHANGING
        return Presence.DIFFERENT if self._differs(found) else Presence.READY

    def _differs(self, found: Mapping[str, Any]) -> bool:
        properties = found.get("properties") or {}
        options = self.body.get("properties", {}).items()
        return (
            regions.normalise(found.get("location", "")) != self.body["location"]
            or ("sku" in self.body and (found.get("sku") or {}).get("name") != self.body["sku"]["name"])
            or any(properties.get(name, _LEFT_OUT.get(name, value)) != value for name, value in options)
        )


def state_of(found: Mapping[str, Any]) -> str:
    """Return how far Azure is with a resource."""
    return str((found.get("properties") or {}).get("provisioningState", _SUCCEEDED))


def is_leaving(found: Mapping[str, Any]) -> bool:
    """Tell whether Azure is removing a resource."""
    return state_of(found) == _DELETING


def is_broken(found: Mapping[str, Any]) -> bool:
    """Tell whether Azure could not make a resource as it was asked for."""
    return state_of(found) in _BROKEN


def describe(registry: Registry, resource: Resource, subscription: str, group: str) -> Description:
    """Return a resource of a registry as it is to be, in a resource group of a subscription."""
    group_id = f"/subscriptions/{subscription}/resourceGroups/{group}"
    home = f"{group_id}/providers/Microsoft.ContainerRegistry/registries/{resource.name}"
    body: dict[str, Any] = {"location": resource.region, "tags": tags_of(registry)}
    access = {"publicNetworkAccess": registry.spec.public_network_access.capitalize()}
    match resource.kind:
        case Kind.RESOURCE_GROUP:
            path = group_id
        case Kind.STORAGE_ACCOUNT:
            path = f"{group_id}/providers/Microsoft.Storage/storageAccounts/{resource.name}"
            body |= _storage(resource.storage_config or StorageConfig(), access)
        case Kind.CONTAINER_REGISTRY:
            path = home
            body |= {"sku": {"name": "Premium"}, "properties": {"adminUserEnabled": False, **access}}
        case Kind.REPLICA:
            path = f"{home}/replications/{resource.region}"
            body |= {"properties": {"regionEndpointEnabled": True}}
    about = f"{resource.kind} '{resource.name}' in region '{resource.region}'"
    return Description(path, VERSIONS[resource.kind], body, about)


def details_of(resource: Resource, found: Mapping[str, Any]) -> dict[str, str]:
    """Return what a caller is told of a resource that was found."""
    details = {"id": str(found["id"])}
    properties = found.get("properties") or {}
    if resource.kind is Kind.STORAGE_ACCOUNT:
        details["container"] = CONTAINER
        if endpoint := (properties.get("primaryEndpoints") or {}).get("blob"):
            details["blob_endpoint"] = endpoint
    if resource.kind is Kind.CONTAINER_REGISTRY and (server := properties.get("loginServer")):
        details["login_server"] = server  # never built from the name: that would not always be right
    return details


def tags_of(registry: Registry) -> dict[str, str]:
    """Return what tells whose a resource is."""
    return {
        "mlr:tenant": registry.tenant,
        "mlr:registry": registry.key.name,
        "mlr:incarnation": registry.incarnation,
    }


def _storage(config: StorageConfig, access: Mapping[str, str]) -> dict[str, Any]:
    # learn.microsoft.com/azure/storage/common/storage-account-overview: a premium StorageV2 has page blobs alone.
    is_premium = config.storage_account_type.startswith("Premium_")
    return {
        "kind": "BlockBlobStorage" if is_premium else "StorageV2",
        "sku": {"name": config.storage_account_type},
        "properties": {
            "isHnsEnabled": config.storage_account_hns,
            "allowBlobPublicAccess": False,
            "allowSharedKeyAccess": False,
            "minimumTlsVersion": "TLS1_2",
            "supportsHttpsTrafficOnly": True,
            **access,
        },
    }
