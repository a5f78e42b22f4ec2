"""A document that cannot or need not say everything, completed from what is stored: its writer loses nothing by it."""

from collections.abc import Mapping
from typing import Any

from registry_api.domain import regions
from registry_api.domain.registry import Registry
from registry_api.domain.spec import StorageConfig

# What the Resource Manager contract has no words for, or only some of its versions have.
_UNSPOKEN = ("description", "deletion_protection", "paused")


def complete(document: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """Return a document with what it leaves out, as far as it may, as it is stored.

    Regions stay if none are named, and storage options of a region that is there stay where they are not given.
    """
    stored = registry.spec.model_dump(mode="json", exclude_none=True)
    kept = {field: stored[field] for field in _UNSPOKEN if field in stored}
    given = {field: value for field, value in document.items() if value is not None}
    listed = given.get("replication_locations", stored["replication_locations"])
    if isinstance(listed, list):
        listed = [_complete_region(region, registry.storage_configs) for region in listed]
    return {**kept, **given, "replication_locations": listed}


def _complete_region(region: Any, made: Mapping[str, StorageConfig]) -> Any:
    if not isinstance(region, dict):
        return region
    found = regions.find(region["location"]) if isinstance(region.get("location"), str) else None
    config = made.get(found.name) if found else None
    given = region.get("storage_config")
    if config is None or not isinstance(given, dict | None):
        return region
    options = {option: value for option, value in (given or {}).items() if value is not None}
    return {**region, "storage_config": {**config.model_dump(mode="json"), **options}}
