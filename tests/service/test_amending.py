"""The verbs of the Resource Manager contract, on the whole control plane in memory."""

import pytest

from registry_api.domain.operation import OperationKind
from registry_api.domain.problems import Refusal
from registry_api.domain.registry import ProvisioningState
from registry_api.domain.validation import examine_regions
from registry_api.service import amending
from registry_api.service.accepting import Intent
from tests.service.world import ADA, SCOPE, World

INTENT = Intent(ADA, SCOPE)
WEST = examine_regions([{"location": "westus"}])


async def test_an_amendment_creates_and_changes() -> None:
    """What is not there is created, a change is carried out, and the same again changes nothing."""
    world = World()
    first = await amending.amend({"location": "eastus"}, "Demo1", INTENT, ports=world.ports)
    await world.settle()
    both = {"location": "eastus", "replication_locations": [{"location": "eastus"}, {"location": "westus"}]}
    second = await amending.amend(both, "demo1", INTENT, ports=world.ports)
    await world.settle()
    third = await amending.amend(both, "demo1", INTENT, ports=world.ports)

    assert (first.created, first.changed) == (True, True)
    assert (second.created, second.changed, second.registry.generation) == (False, True, 2)
    assert (third.created, third.changed, third.registry.state) == (False, False, ProvisioningState.SUCCEEDED)
    assert {region for _, region in world.backend.present} == {"eastus", "westus"}


async def test_a_removal_is_carried_out() -> None:
    """The region's resources are gone when the operation has ended, and removing it again does nothing."""
    world = World()
    await world.put("eastus", "westus")
    await world.settle()
    removed = await amending.remove_regions("demo1", WEST, INTENT, ports=world.ports)
    await world.settle()
    again = await amending.remove_regions("demo1", WEST, INTENT, ports=world.ports)

    assert (removed.changed, removed.registry.operation.kind) == (True, OperationKind.UPDATE)
    assert {region for _, region in world.backend.present} == {"eastus"}
    assert again.changed is False


@pytest.mark.parametrize("name", ["Demo2", "no name"])
async def test_nothing_is_removed_from_nothing(name: str) -> None:
    """What is not there, or could not even be, is not found."""
    with pytest.raises(Refusal) as caught:
        await amending.remove_regions(name, WEST, INTENT, ports=World().ports)
    assert caught.value.problems[0].code == "RegistryNotFound"


async def test_a_name_that_cannot_be_is_told() -> None:
    """What is wrong with the name in the address is told with what is wrong with the document."""
    with pytest.raises(Refusal) as caught:
        await amending.amend({"location": "eastsu"}, "no name", INTENT, ports=World().ports)
    assert [problem.code for problem in caught.value.problems] == ["InvalidRegistryName", "UnknownLocation"]
