"""The catalogue of Azure regions: which exist, how they may be spelled, what they support."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from pydantic import ConfigDict

from registry_api.domain.record import Record
from registry_api.domain.suggestions import similar

_FILE = Path(__file__).with_name("regions.json")


class Region(Record):
    """One physical region; the data, with sources and dates, are in regions.json."""

    model_config = ConfigDict(extra="ignore")

    name: str
    display_name: str
    geography: str
    geography_group: str
    paired_region: str | None
    availability_zones: tuple[int, ...]
    latitude: float
    longitude: float
    storage_account_open_subscription: bool | None
    acr_registry_and_replication: bool | None

    @property
    def missing_service(self) -> str | None:
        """Name the service that a registry needs and that is known not to be offered here."""
        if self.storage_account_open_subscription is False:
            return "storage accounts"
        if self.acr_registry_and_replication is False:
            return "container registries"
        return None


@cache
def catalogue() -> Mapping[str, Region]:
    """Return all regions by name, in the order of their names."""
    regions = (Region.model_validate(item) for item in json.loads(_FILE.read_text("utf-8"))["regions"])
    return MappingProxyType({region.name: region for region in sorted(regions, key=lambda region: region.name)})


def normalise(spelling: str) -> str:
    """Return how Azure writes a region: `East US`, `EastUS` and `eastus` are one region, `eastus`."""
    return spelling.replace(" ", "").replace("\t", "").lower() if spelling.isascii() else spelling


def find(spelling: str) -> Region | None:
    """Return the region that a caller means, or None."""
    return catalogue().get(normalise(spelling))


def suggest(spelling: str) -> list[str]:
    """Return up to three names of regions that look like this spelling, best first."""
    return similar(normalise(spelling), catalogue(), most=3)
