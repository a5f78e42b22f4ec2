"""Where a registry belongs on Azure: its subscription and resource group, and its resource id."""

import re
from dataclasses import dataclass

REGISTRY_TYPE = "Microsoft.MachineLearningServices/registries"
GUID = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
RESOURCE_GROUP = r"[A-Za-z0-9_.()-]{1,90}"
RESOURCE_GROUP_RULE = "must be 1 to 90 letters, digits, '_', '-', '.' or parentheses"
_GUID, _GROUP = re.compile(GUID), re.compile(RESOURCE_GROUP)
_PART = re.compile(r'[^/"\s]+')


def is_guid(text: str) -> bool:
    """Tell whether a text is a GUID, as Azure writes them."""
    return _GUID.fullmatch(text) is not None


def is_subscription_id(text: str) -> bool:
    """Tell whether a subscription may be called so: by a GUID, as Azure calls them."""
    return is_guid(text)


def is_resource_group(text: str) -> bool:
    """Tell whether a resource group may be called so."""
    return _GROUP.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Scope:
    """The subscription and resource group that a registry belongs to.

    Raises:
        ValueError: If one of them cannot be a part of an Azure resource id.
    """

    subscription_id: str
    resource_group: str

    def __post_init__(self) -> None:
        """Check both: what is stored may have been written by somebody else."""
        if not _PART.fullmatch(self.subscription_id) or not _PART.fullmatch(self.resource_group):
            raise ValueError("A subscription or resource group is not called so.")

    @property
    def id(self) -> str:
        """Return the Azure resource id of the resource group."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"

    def registry_id(self, name: str) -> str:
        """Return the Azure resource id of a registry in it."""
        return f"{self.id}/providers/{REGISTRY_TYPE}/{name}"


def parse_group(text: str) -> Scope:
    """Return the scope that has this Azure resource id, as `Scope.id` writes it."""
    _, _, subscription, _, group = text.split("/")
    return Scope(subscription, group)
