"""Who reads what of a registry."""

from dataclasses import replace

import pytest

from registry_api.domain.caller import Caller
from registry_api.domain.filters import Filter
from registry_api.domain.permissions import BUILT_IN, Grant, Permissions
from registry_api.domain.problems import Code, Refusal
from registry_api.service import reading
from registry_api.service.authorizing import Inquiry
from registry_api.service.showing import view_of
from registry_api.service.views import View
from tests.service.world import ADA, ASKING, SCOPE, World


class ReadersOf:
    """Everybody may read one registry, and those in another subscription."""

    def __init__(self, registry: str) -> None:
        self._registry = registry

    async def permissions_of(self, caller: Caller, subscription_id: str) -> Permissions:
        """Return what a caller may do."""
        del caller
        reader = BUILT_IN["Reader"]
        return Permissions([Grant(reader, self._registry)] if subscription_id == SCOPE.subscription_id else [])


async def read(world: World, name: str, inquiry: Inquiry = ASKING) -> View | Code:
    """Return what is read, or why not."""
    try:
        return await reading.read_view(name, inquiry, views=world.views, roles=world.roles)
    except Refusal as refusal:
        return refusal.problems[0].code


async def test_a_registry_is_read_by_its_name_in_any_case() -> None:
    """What is read is the view that was written; what is not there, cannot be there or is elsewhere is not found."""
    world = World()
    registry = (await world.put("eastus", "westus")).registry
    elsewhere = replace(ASKING, within=Filter(resource_group="another"))
    stranger = replace(ASKING, caller=ADA._replace(tenant="another"))

    assert await read(world, "Demo1") == await read(world, "dEMO1") == view_of(registry)
    for name, inquiry in (("Demo2", ASKING), ("no name!", ASKING), ("Demo1", elsewhere), ("Demo1", stranger)):
        assert await read(world, name, inquiry) is Code.REGISTRY_NOT_FOUND
    with pytest.raises(Refusal, match="There is no registry named 'no name!'"):
        await reading.read_view("no name!", ASKING, views=world.views, roles=world.roles)
    with pytest.raises(Refusal, match="There is no registry named 'Demo2'"):
        await reading.read_view("Demo2", ASKING, views=world.views, roles=world.roles)


async def test_a_name_that_is_none_is_not_looked_for() -> None:
    """It costs no call of storage."""
    world = World()
    world.views.read = None  # type: ignore[assignment,method-assign]

    assert await read(world, "no name!") is Code.REGISTRY_NOT_FOUND


async def test_only_who_may_read_a_registry_reads_it() -> None:
    """A role over one registry is enough for it, and for nothing else."""
    world = World(roles=ReadersOf(SCOPE.registry_id("Demo1")))
    open_world = World()
    registry = (await open_world.put("eastus")).registry
    world.views = open_world.views

    assert await read(world, "Demo1") == view_of(registry)
    assert await read(world, "Demo2") is Code.AUTHORIZATION_FAILED


async def test_registries_are_listed_as_they_are_stored() -> None:
    """Page by page, those of the caller's tenant that it may read."""
    world = World()
    for number in range(3):
        await world.put("eastus", name=f"R{number}")
    first = await reading.list_page(2, None, ASKING, ports=world.ports)
    rest = await reading.list_page(2, first.continuation, ASKING, ports=world.ports)
    world.roles = ReadersOf(SCOPE.registry_id("R1"))
    mine = await reading.list_page(9, None, ASKING, ports=world.ports)
    nobodys = await reading.list_page(
        9, None, replace(ASKING, caller=ADA._replace(tenant="another")), ports=world.ports
    )

    assert [[one.spec.name for one in page.items] for page in (first, rest, mine, nobodys)] == [
        ["R0", "R1"],
        ["R2"],
        ["R1"],
        [],
    ]
    assert mine.items == [await reading.read("R1", ASKING, ports=world.ports)]
