"""The verbs of the Resource Manager contract, on the whole control plane in memory."""

from dataclasses import replace

import pytest

from registry_api.domain.conditions import Conditions
from registry_api.domain.operation import OperationKind
from registry_api.domain.problems import Refusal
from registry_api.domain.provisioning_state import ProvisioningState
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


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "there"])
async def test_an_amendment_keeps_to_the_allowed_regions(*, is_there: bool) -> None:
    """A new registry, and a new region of one that is there, may only be in regions that are allowed."""
    world, allowed = World(), frozenset({"eastus"})
    if is_there:
        await amending.amend({"location": "eastus"}, "Demo1", INTENT, ports=world.ports)
    both = {"location": "eastus", "replication_locations": [{"location": "eastus"}, {"location": "westus"}]}

    with pytest.raises(Refusal, match="LocationNotSupported: 'westus' may not be used here"):
        await amending.amend(both, "Demo1", INTENT, allowed=allowed, ports=world.ports)


async def test_an_amendment_keeps_to_its_conditions() -> None:
    """If-Match is compared with what is there, and with nothing where nothing is."""
    world = World()
    etag = (await amending.amend({"location": "eastus"}, "Demo1", INTENT, ports=world.ports)).registry.etag
    described = {"location": "eastus", "description": "x"}

    for name, expected in (("Demo1", '"another"'), ("Demo2", etag)):
        unmet = replace(INTENT, conditions=Conditions.parse(expected, None))
        with pytest.raises(Refusal, match="PreconditionFailed"):
            await amending.amend(described, name, unmet, ports=world.ports)
    matching = replace(INTENT, conditions=Conditions.parse(etag, None))
    assert (await amending.amend(described, "Demo1", matching, ports=world.ports)).changed
