"""Where a registry belongs on Azure: its subscription and resource group, and its resource id."""

from pydantic import BaseModel, ConfigDict

_TYPE = "Microsoft.MachineLearningServices/registries"


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
