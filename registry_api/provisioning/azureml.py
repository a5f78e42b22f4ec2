"""The Azure Machine Learning backend: registries are handed over, whole, to Microsoft.MachineLearningServices.

Experimental, and never run on Azure. A registry there is one document. It alone is made, mended and removed; storage
accounts, container registry and replicas are parts of it, seen in what a GET says. It has no provisioning state, so
after every request it is left alone until that has come true, or for a while, and then asked again; a request that is
sent again changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from registry_api.domain import regions
from registry_api.domain.plan import Action, Observation, Presence, Verb
from registry_api.domain.problems import Code
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Failure, FailureKind, Kind, Resource
from registry_api.domain.spec import ReplicationLocation
from registry_api.provisioning.arm import ResourceManager
from registry_api.provisioning.arm_resources import tags_of
from registry_api.service.backend import BackendError
from registry_api.service.ports import Clock

VERSION = "2024-04-01"
REST = timedelta(seconds=30)  # recordings show 45 to 90 seconds to make a registry, and up to 30 to remove one

_SETTLING_TIME = timedelta(minutes=2)  # an assumption, as in the Azure backend
_ABSENT = Observation(Presence.ABSENT)

Json = Mapping[str, Any]


class MachineLearningBackend:
    """Registries of Azure Machine Learning.

    Args:
        manager: Azure Resource Manager.
        clock: The time.
    """

    def __init__(self, manager: ResourceManager, clock: Clock) -> None:
        self._manager = manager
        self._clock = clock
        self._asked_at: dict[str, datetime] = {}

    @property
    def settling_time(self) -> timedelta:
        """Return for how long a call may take effect yet after its caller has died, or was told that it failed."""
        return _SETTLING_TIME

    async def observe(self, registry: Registry, resource: Resource) -> Observation:
        """Tell what there is of a resource.

        Raises:
            BackendError: If it cannot be told, or what is there belongs to somebody else.
        """
        found = await self._find(registry)
        if resource.kind is not Kind.ML_REGISTRY:
            return _ABSENT if found is None else _part(resource, found)
        seen = _whole(registry, found)
        if seen.presence is (Presence.ABSENT if registry.deleting else Presence.READY):
            self._asked_at.pop(_id(registry), None)  # what was asked for has come true
        elif (rest := self._rest(_id(registry))) is not None:
            return Observation(Presence.CHANGING, seen.details, rest=rest)
        return seen

    async def start(self, registry: Registry, action: Action) -> None:
        """Ask for one action; doing it again does no harm.

        Raises:
            BackendError: If it cannot be done, now or at all.
        """
        if action.resource.kind is not Kind.ML_REGISTRY:
            return
        found, path, about = await self._find(registry), _id(registry), _about(registry)
        if action.verb is Verb.DELETE:
            if found is not None:
                await self._manager.delete(path, VERSION, about)
        elif found is None or _lacks(registry, found):
            await self._manager.put(path, VERSION, _body(registry, found), about)
        elif surplus := _surplus(registry, found):
            body = {"location": registry.spec.location, "properties": {"regionDetails": surplus}}
            await self._manager.post(f"{path}/removeRegions", VERSION, body, about)
        now = self._clock.now()
        self._asked_at = {key: asked for key, asked in self._asked_at.items() if now - asked < REST} | {path: now}

    async def close(self) -> None:
        """Close the connections; the backend may still be used and opens new ones."""
        await self._manager.close()

    async def _find(self, registry: Registry) -> Json | None:
        """Return the registry as Azure Machine Learning shows it.

        Raises:
            BackendError: If it is somebody else's, or was made by another backend.
        """
        found = await self._manager.get(_id(registry), VERSION, _about(registry))
        if found is not None and not _has(found, tags_of(registry)):
            message = f"{_about(registry)} is there already and does not belong to this registry. It is left alone."
            raise _refused(message, FailureKind.NAME_TAKEN)
        return found

    def _rest(self, path: str) -> timedelta | None:
        """Return how long the registry is still to be left alone after a request."""
        asked = self._asked_at.get(path)
        rest = asked + REST - self._clock.now() if asked is not None else timedelta(0)
        return rest if timedelta(0) < rest <= REST else None


def _id(registry: Registry) -> str:
    """Return the registry's id in Azure Machine Learning.

    Raises:
        BackendError: If it was made by another backend.
    """
    placement = registry.placement
    if placement is None or not placement.delegated:
        raise _refused("The registry was made by another backend; REGISTRY_BACKEND is azureml now.")
    group = f"/subscriptions/{placement.subscription_id}/resourceGroups/{placement.resource_group}"
    return f"{group}/providers/Microsoft.MachineLearningServices/registries/{registry.spec.name}"


def _about(registry: Registry) -> str:
    return f"{Kind.ML_REGISTRY} '{registry.spec.name}'"


def _whole(registry: Registry, found: Json | None) -> Observation:
    if found is None:
        return _ABSENT
    details = {"id": str(found["id"])}
    if group := _resource_id((found.get("properties") or {}).get("managedResourceGroup")):
        details["managed_resource_group"] = group.rpartition("/")[2]
    if registry.deleting:
        return Observation(Presence.READY, details)
    if _lacks(registry, found) or _surplus(registry, found):
        return Observation(Presence.DIFFERENT, details)
    parts = (resource for resource in registry.resources if resource.key in registry.wanted)
    is_complete = all(
        _part(part, found).presence is Presence.READY for part in parts if part.kind is not Kind.ML_REGISTRY
    )
    return Observation(Presence.READY if is_complete else Presence.CHANGING, details)


def _part(resource: Resource, found: Json) -> Observation:
    """Tell what is seen of a part: it is there when the registry tells its id."""
    region = _regions(found).get(resource.region)
    if region is None:
        return _ABSENT
    if resource.kind is Kind.STORAGE_ACCOUNT:
        accounts = region.get("storageAccountDetails") or []
        account = accounts[resource.ordinal] if resource.ordinal < len(accounts) else {}
        part = account.get("systemCreatedStorageAccount")
    else:
        copies = region.get("acrDetails") or [{}]
        part = copies[0].get("systemCreatedAcrAccount")
    part_id = _resource_id((part or {}).get("armResourceId"))
    return Observation(Presence.READY, {"id": part_id}) if part_id else Observation(Presence.CHANGING)


def _resource_id(reference: Json | None) -> str:
    return str((reference or {}).get("resourceId") or "")


def _regions(found: Json) -> dict[str, Json]:
    details = (found.get("properties") or {}).get("regionDetails") or []
    return {regions.normalise(region["location"]): region for region in details}


def _has(found: Json, tags: Mapping[str, str]) -> bool:
    there = found.get("tags") or {}
    return all(there.get(key) == value for key, value in tags.items())


def _lacks(registry: Registry, found: Json) -> bool:
    """Tell whether a PUT is needed. What storage accounts are like is never changed, so it is not compared."""
    spec, properties, there = registry.spec, found.get("properties") or {}, _regions(found)
    publisher = spec.intellectual_property.publisher if spec.intellectual_property else None
    return (
        not _has(found, spec.tags)
        or str(properties.get("publicNetworkAccess", "Enabled")).lower() != spec.public_network_access.lower()
        or (properties.get("intellectualPropertyPublisher") or None) != publisher
        or any(name not in there for name in spec.region_names)
    )


def _surplus(registry: Registry, found: Json) -> Sequence[Json]:
    """Return the regions that are to be removed; the primary one never is."""
    return [{"location": name} for name in _regions(found) if name not in registry.spec.region_names]


def _body(registry: Registry, found: Json | None) -> dict[str, Any]:
    """Return what to send: all that is there stays, regions too, and what is missing is added."""
    spec, there = registry.spec, _regions(found or {})
    tags = {**((found or {}).get("tags") or {}), **spec.tags, **tags_of(registry)}
    added = [_region(region) for region in spec.replication_locations if region.location not in there]
    properties = {
        **((found or {}).get("properties") or {}),
        "publicNetworkAccess": spec.public_network_access.capitalize(),
        "intellectualPropertyPublisher": spec.intellectual_property.publisher if spec.intellectual_property else None,
        "managedResourceGroupTags": tags,
        "regionDetails": [*there.values(), *added],
    }
    return {"location": spec.location, "tags": tags, "identity": {"type": "SystemAssigned"}, "properties": properties}


def _region(region: ReplicationLocation) -> dict[str, Any]:
    config = region.storage_config
    account = {
        "storageAccountType": config.storage_account_type,
        "storageAccountHnsEnabled": config.storage_account_hns,
        "allowBlobPublicAccess": False,
    }
    return {
        "location": region.location,
        "acrDetails": [{"systemCreatedAcrAccount": {"acrAccountSku": "Premium"}}],
        "storageAccountDetails": [{"systemCreatedStorageAccount": account}] * config.replication_count,
    }


def _refused(message: str, kind: FailureKind = FailureKind.PERMANENT) -> BackendError:
    return BackendError(Failure(code=Code.PROVISIONING_FAILED, message=message, kind=kind))
