"""Where a registry belongs on Azure: its subscription and resource group, and its resource id."""

import re

from pydantic import BaseModel, ConfigDict

GUID = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_SUBSCRIPTION = re.compile(GUID)
_TYPE = "Microsoft.MachineLearningServices/registries"


def is_subscription_id(text: str) -> bool:
    """Tell whether a subscription may be called so: by a GUID, as Azure calls them."""
    return _SUBSCRIPTION.fullmatch(text) is not None


class Scope(BaseModel):
    """The subscription and resource group that a registry belongs to."""

    model_config = ConfigDict(frozen=True)

    subscription_id: str
    resource_group: str

    @property
    def id(self) -> str:
        """Return the Azure resource id of the resource group."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"

    def registry_id(self, name: str) -> str:
        """Return the Azure resource id of a registry in it."""
        return f"{self.id}/providers/{_TYPE}/{name}"
