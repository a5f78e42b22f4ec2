"""What may not change once a registry exists."""

from collections.abc import Iterator, Mapping

from registry_api.domain.problems import Code, Problem
from registry_api.domain.spec import RegistrySpec


def forbidden_changes(old: RegistrySpec, new: RegistrySpec, places: Mapping[str, int]) -> Iterator[Problem]:
    """Yield a problem for every change that the registry's lifetime does not allow.

    Args:
        old: The spec that is stored.
        new: The spec that is asked for.
        places: Where the caller's document lists each region.
    """
    if new.location != old.location:
        yield Problem(
            Code.PRIMARY_LOCATION_IMMUTABLE,
            f"The primary location is '{old.location}' and can never change, also not to '{new.location}'; "
            "make another registry for that.",
            ("location",),
        )
    existing = {region.location: region.storage_config for region in old.replication_locations}
    for region in new.replication_locations:
        config = existing.get(region.location, region.storage_config)
        if region.storage_config != config:
            yield Problem(
                Code.STORAGE_CONFIG_IMMUTABLE,
                f"The storage accounts of '{region.location}' exist with {config.model_dump()}, which can "
                "never change; write that, or remove the region and add it again.",
                ("replication_locations", places[region.location], "storage_config")
                if region.location in places
                else ("replication_locations",),
            )
