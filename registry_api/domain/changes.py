"""How two specs of one registry differ, and which differences its lifetime does not allow."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from registry_api.domain.problems import Code, Problem, write_path
from registry_api.domain.spec import RegistrySpec, StorageConfig
from registry_api.domain.validation import Draft


class Change(NamedTuple):
    """One difference; None where there was or is nothing."""

    path: str
    before: Any
    after: Any


def changes(old: RegistrySpec | None, new: RegistrySpec) -> tuple[Change, ...]:
    """Return the differences, tag by tag and region by region, in the order of the spec's fields."""
    before, after = (_flat(old) if old else {}), _flat(new)
    return tuple(
        Change(path, before.get(path), after.get(path))
        for path in dict.fromkeys([*after, *before])
        if before.get(path) != after.get(path)
    )


def forbidden_changes(old: RegistrySpec, new: Draft, existing: Mapping[str, StorageConfig]) -> Iterator[Problem]:
    """Yield a problem for every change that the registry's lifetime does not allow.

    Args:
        old: The spec that is stored.
        new: The document that is to take its place.
        existing: How the storage accounts of each region were made, of regions on their way out as well.
    """
    if new.location is not None and new.location != old.location:
        yield Problem(
            Code.PRIMARY_LOCATION_IMMUTABLE,
            f"The primary location is '{old.location}' and can never change, also not to '{new.location}'; "
            "make another registry for that.",
            ("location",),
        )
    listed = {region.name for region in new.regions}
    if new.lists_all and not listed & {old.location, new.location}:
        yield Problem(
            Code.PRIMARY_LOCATION_IMMUTABLE,
            f"'replication_locations' must contain the primary location '{old.location}', which can never be removed.",
            ("replication_locations",),
        )
    for region in new.regions:
        made = existing.get(region.name)
        if made is not None and not region.storage_options.items() <= made.model_dump().items():
            otherwise = (
                "make another registry for other options"
                if region.name == old.location
                else "remove the region, wait until it is gone, and add it again"
            )
            yield Problem(
                Code.STORAGE_CONFIG_IMMUTABLE,
                f"The storage accounts of '{region.name}' exist with {_told(made)}, which can never change; "
                f"write that, or {otherwise}.",
                (*region.path[:-1], "storage_config") if len(region.path) > 1 else ("replication_locations",),
            )


def forbidden_removals(old: RegistrySpec, new: Draft) -> Iterator[Problem]:
    """Yield a problem for every region but the primary one that a document leaves out, where none may be left out."""
    listed = {region.name for region in new.regions}
    for name in old.region_names[1:] if new.lists_all else ():
        if name not in listed:
            yield Problem(
                Code.REGION_REMOVAL_NOT_ALLOWED,
                f"'{name}' is a region of the registry, and this request takes none away: list it, or take it away "
                "with POST .../removeRegions.",
                ("replication_locations",),
            )


def _told(config: StorageConfig) -> str:
    return ", ".join(f"{option}: {json.dumps(value)}" for option, value in config.model_dump(mode="json").items())


def _flat(spec: RegistrySpec) -> dict[str, Any]:
    """Return every value of a spec that may differ by itself, by its path."""
    fields = spec.model_dump(mode="json", exclude={"tags", "replication_locations"}, exclude_none=True)
    tags = {str(write_path(("tags", key))): value for key, value in spec.tags.items()}
    regions = {
        str(write_path(("replication_locations", region.location))): region.storage_config.model_dump(mode="json")
        for region in spec.replication_locations
    }
    return {**fields, **tags, **regions}
