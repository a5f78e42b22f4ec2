"""The control plane where registries are handed over to Azure Machine Learning, in one time with the stand-in."""

from typing import Any

from devstack.resource_manager.running import RunningResourceManager
from registry_api.domain.names import RegistryKey
from registry_api.domain.placement import Placement
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.resources import ResourceState
from registry_api.provisioning.azureml import MachineLearningBackend
from tests.azure.world import SUBSCRIPTION, AzureWorld, perform
from tests.domain.registries import region_states
from tests.simulation.boundaries import Hook

DELEGATED = Placement(subscription_id=SUBSCRIPTION, resource_group="shared", delegated=True)
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shared"
PATH = f"{GROUP}/providers/Microsoft.MachineLearningServices/registries/Demo1"


class LearningWorld(AzureWorld):
    """A control plane that hands registries over."""

    backend_type = MachineLearningBackend

    def __init__(self, azure: RunningResourceManager, hook: Hook = perform) -> None:
        super().__init__(azure, DELEGATED, hook)

    def regions(self) -> list[str]:
        """Return the regions that the real registry has."""
        return [one["location"] for one in self.things()[PATH]["properties"]["regionDetails"]]

    async def differences(self) -> list[str]:
        """Return how the cloud differs from what the registry is to have; nothing when there is no registry."""
        stored = await self.store.read(RegistryKey("tenant", "demo1"))
        there: dict[str, Any] = {key: None for key in self.things() if key != GROUP}
        if stored is None:
            return [f"left: {key}" for key in there]
        if list(there) != [PATH]:
            return [f"not the one registry: {[*there]}"]
        wanted = sorted(stored.registry.spec.region_names)
        return [] if sorted(self.regions()) == wanted else [f"regions: {self.regions()}, not {wanted}"]


async def converged(world: LearningWorld, *regions: str, **fields: Any) -> None:
    """Ask for a registry and check that it has become true."""
    await world.put(*regions, **fields)
    await world.settle()
    registry = await world.read()
    assert registry.state is ProvisioningState.SUCCEEDED, registry.operation.error
    assert set(region_states(registry).values()) == {ResourceState.READY}
