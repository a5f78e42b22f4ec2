"""Lists of registries have what matches, page by page."""

from dataclasses import replace

import pytest

from registry_api.domain.filters import Filter
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.service import reading
from registry_api.service.ports import Page
from registry_api.service.views import View, content_of
from tests.service.world import ASKING, World


async def test_filters_find_what_matches() -> None:
    """A filtered list has exactly what matches, page by page, and no page costs more than a few storage calls."""
    world = World()
    for number in range(20):
        await world.put(["eastus", "eastus2"][number % 2], name=f"R{number:02}", tags={"n": str(number % 5)})
    wanted = Filter(location="eastus", tag="n:2")

    found: list[View] = []
    continuation, pages = None, 0
    while pages == 0 or continuation is not None:
        page = await reading.list_views(wanted, 2, continuation, ASKING, views=world.views, roles=world.roles)
        assert len(page.items) <= 2
        found += page.items
        continuation, pages = page.continuation, pages + 1

    assert [content_of(view)["name"] for view in found] == ["R02", "R12"]


async def test_a_page_costs_the_same_in_a_large_tenant() -> None:
    """However many registries there are and however few match, a page makes at most four storage calls."""
    world = World()
    for number in range(40):
        await world.put("eastus", name=f"R{number:02}")
    calls = 0
    original = world.views.list

    async def counted(tenant: str, limit: int, continuation: str | None) -> Page[View]:
        nonlocal calls
        calls += 1
        return await original(tenant, limit, continuation)

    world.views.list = counted  # type: ignore[method-assign]
    rare = await reading.list_views(Filter(location="westus"), 5, None, ASKING, views=world.views, roles=world.roles)
    rare_calls, calls = calls, 0
    full = await reading.list_views(Filter(), 5, None, ASKING, views=world.views, roles=world.roles)

    assert (len(rare.items), rare.continuation is not None, rare_calls) == (0, True, 4)
    assert (len(full.items), calls) == (5, 1)


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (Filter(), True),
        (Filter(location="eastus", tag="a:1", subscription_id="SUB", resource_group="Group"), True),
        (Filter(location="westus"), False),
        (Filter(tag="a:2"), False),
        (Filter(tag="b:1"), False),
        (Filter(subscription_id="other"), False),
        (Filter(location="eastus", resource_group="other"), False),
        (Filter(state=ProvisioningState.ACCEPTED), True),
        (Filter(state=ProvisioningState.FAILED), False),
    ],
)
async def test_every_part_of_a_filter_must_match(wanted: Filter, matches: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A registry is listed only if all of the filter is true of it; scopes are compared without case."""
    world = World()
    await world.put("eastus", tags={"a": "1"})
    page = await reading.list_views(
        wanted, 9, None, replace(ASKING, within=wanted), views=world.views, roles=world.roles
    )

    assert bool(page.items) == matches
