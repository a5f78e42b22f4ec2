"""The worker dies at every request that changes something in Azure, and everything ends right.

The requests are found by running each flow once, on Azure and where registries are handed over to Azure Machine
Learning. By default the worker dies after each request of two flows; AZURE_CRASH_POINTS=changing dies before and after
those of all flows, AZURE_CRASH_POINTS=all at every look as well.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from devstack.resource_manager.running import RunningResourceManager
from registry_api.domain.names import RegistryKey
from registry_api.domain.provisioning_state import ProvisioningState
from tests.azure.learning import LearningWorld
from tests.azure.world import AzureWorld, others_are_done
from tests.simulation.boundaries import Call

CHANGING = {"put", "post", "delete"}
EXTENT = os.environ.get("AZURE_CRASH_POINTS", "some")


class Killed(BaseException):
    """The worker's process has ended."""


@dataclass
class Killer:
    """Kills the worker at one request; without one it counts them."""

    at: int | None = None
    before: bool = False
    count: int = 0
    is_armed: bool = False
    is_dead: bool = False
    has_struck: bool = False

    async def stand(self, call: Call, perform: Callable[[], Awaitable[Any]]) -> Any:
        """Stand at a request."""
        if self.is_dead:  # what else the process had under way ends with it
            raise Killed
        if not self.is_armed or (EXTENT != "all" and call.method not in CHANGING):
            return await perform()
        number, self.count = self.count, self.count + 1
        if number != self.at:
            return await perform()
        self.has_struck = True
        if not self.before:
            await perform()
        self.is_dead = True
        raise Killed


class Mortal(AzureWorld):
    """A control plane whose worker may be killed, and is then another one."""

    def __init__(self, azure: RunningResourceManager, killer: Killer) -> None:
        self.killer = killer
        super().__init__(azure, hook=killer.stand)

    async def work_once(self) -> bool:
        """Let the worker take one message; should it die, the message stays and a new worker comes."""
        try:
            return await super().work_once()
        except Killed:
            await others_are_done()
            self.killer.is_dead = False
            self.restart()
            return True


async def create(world: Mortal) -> None:
    """A registry is made."""
    world.killer.is_armed = True
    await world.put("eastus", "westus")
    await world.settle()


async def add_region(world: Mortal) -> None:
    """A registry gets another region."""
    await world.put("eastus")
    await world.settle()
    world.killer.is_armed = True
    await world.put("eastus", "westus")
    await world.settle()


async def remove_region(world: Mortal) -> None:
    """A registry loses a region."""
    await world.put("eastus", "westus")
    await world.settle()
    world.killer.is_armed = True
    await world.put("eastus")
    await world.settle()


async def delete(world: Mortal) -> None:
    """A registry goes."""
    await world.put("eastus", "westus")
    await world.settle()
    world.killer.is_armed = True
    await world.delete()
    await world.settle()


class MortalLearning(Mortal, LearningWorld):
    """The same where registries are handed over."""


WORLDS = {"azure": Mortal, "azureml": MortalLearning}
FLOWS = [create, delete] if EXTENT == "some" else [create, add_region, remove_region, delete]


@pytest.mark.timeout(120 if EXTENT == "some" else 3600)
@pytest.mark.parametrize("kind", WORLDS)
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.__name__)
async def test_wherever_the_worker_dies_everything_ends_right(
    azure: RunningResourceManager, flow: Callable[[Mortal], Awaitable[None]], kind: str
) -> None:
    """The registry succeeds or is gone, and in the cloud is exactly what it is to have, once each."""
    counting = Killer()
    async with WORLDS[kind](azure, counting) as world:
        await flow(world)
    assert counting.count >= 1

    for at in range(counting.count):
        for before in (False,) if EXTENT == "some" else (True, False):
            azure.control("POST", "reset")
            killer = Killer(at, before)
            async with WORLDS[kind](azure, killer) as world:
                await flow(world)
                where = f"{flow.__name__}: {'before' if before else 'after'} request {at}"
                assert killer.has_struck, where
                stored = await world.store.read(RegistryKey("tenant", "demo1"))
                assert (stored is None) == (flow is delete), where
                assert stored is None or stored.registry.state is ProvisioningState.SUCCEEDED, where
                assert await world.differences() == [], where
