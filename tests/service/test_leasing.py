"""A lease is held for as long as the work takes, and the work ends when it is lost."""

import asyncio
from datetime import timedelta

import pytest

from registry_api.domain import visits
from registry_api.domain.names import RegistryKey
from registry_api.domain.registry import CLOCK_SKEW, LEASE
from registry_api.service import leasing
from registry_api.service.leasing import KeptLease, under_lease
from registry_api.service.ports import StorageUnavailable
from registry_api.service.records import Commit, Stored
from tests.service.world import World

DEMO = RegistryKey("tenant", "demo1")


async def renewed(world: World) -> None:
    """Wait until the lease has been renewed."""
    while (await read(world)).registry.lease.expires != world.clock.now() + LEASE:  # noqa: ASYNC110 - a store has no events
        await asyncio.sleep(0)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world where leases are renewed at every chance, with a registry whose lease is taken."""
    monkeypatch.setattr(leasing, "_RENEW_AFTER_SECONDS", 0.001)
    world = World()
    registry = (await world.put("eastus")).registry
    stored = await read(world)
    begun = visits.begin_visit(registry, registry.visit, world.clock.now())
    await world.store.commit(Commit(DEMO, begun, stored.version))
    return world


async def read(world: World) -> Stored:
    """Read what is stored."""
    stored = await world.store.read(DEMO)
    assert stored is not None
    return stored


async def test_a_lease_is_renewed_while_the_work_goes_on(world: World) -> None:
    """Work that takes longer than a lease keeps it; the epoch stays, and what others change meanwhile stays."""
    begun = await read(world)

    async def work(_: KeptLease) -> str:
        for number in range(5):
            world.clock.advance(20)
            await renewed(world)
            if number == 1:
                await world.put("eastus", description="meanwhile")
        return "done"

    assert await under_lease(begun, work, world.ports) == "done"
    after = (await read(world)).registry
    assert after.lease.is_held(world.clock.now())
    assert (after.lease.epoch, after.spec.description) == (begun.registry.lease.epoch, "meanwhile")


async def test_work_ends_when_the_lease_is_lost(world: World) -> None:
    """Who finds that another one has taken the lease stops at once, and touches nothing."""
    begun = await read(world)
    taken = visits.begin_visit(begun.registry, begun.registry.visit, world.clock.now())
    await world.store.commit(Commit(DEMO, taken, begun.version))
    stopped = asyncio.Event()

    async def work(_: KeptLease) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return "done"

    assert await under_lease(begun, work, world.ports) is None
    assert stopped.is_set()
    assert (await read(world)).registry == taken


async def test_work_ends_when_the_lease_cannot_be_renewed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """While storage is away the work goes on for as long as the lease lasts, and no longer."""
    begun = await read(world)
    asked = 0

    async def away(_: object) -> None:
        nonlocal asked
        asked += 1
        world.clock.advance(10)
        raise StorageUnavailable("away")

    monkeypatch.setattr(world.store, "read", away)
    assert await under_lease(begun, lambda _: asyncio.Event().wait(), world.ports) is None
    assert asked == 3


async def test_a_renewal_that_hangs_is_waited_for_no_longer_than_the_lease(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever storage does, the work ends with the lease that is known of."""
    begun = await read(world)
    world.clock.advance((LEASE - CLOCK_SKEW).total_seconds() - 0.02)

    async def hang(_: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            world.clock.advance(0.02)

    monkeypatch.setattr(world.store, "read", hang)
    assert await under_lease(begun, lambda _: asyncio.Event().wait(), world.ports) is None


async def test_the_work_knows_its_lease(world: World) -> None:
    """It is told until when it may act, which grows with every renewal."""
    begun = await read(world)

    async def work(lease: KeptLease) -> list[bool]:
        before = lease.until
        world.clock.advance(20)
        await renewed(world)
        return [lease.is_held, lease.until > before]

    assert await under_lease(begun, work, world.ports) == [True, True]


async def test_work_that_fails_says_so(world: World) -> None:
    """An error of the work is not swallowed."""

    async def work(_: KeptLease) -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await under_lease(await read(world), work, world.ports)


async def test_a_lease_that_is_answered_late_is_no_licence_to_work(world: World) -> None:
    """Who learns of its lease when that is over, for a machine whose clock is ahead, leaves the work alone."""
    begun = await read(world)
    world.clock.advance((LEASE - CLOCK_SKEW).total_seconds())
    assert not begun.registry.lease.is_held(world.clock.now() + CLOCK_SKEW)

    async def work(_: KeptLease) -> str:
        raise AssertionError

    assert await under_lease(begun, work, world.ports) is None


async def test_nobody_works_while_another_may_take_over(world: World) -> None:
    """Whoever's clock is ahead, or has stepped back, by no more than clocks differ: two never hold a lease."""
    stored = (await read(world)).registry.lease
    assert stored.expires is not None
    holder, half = KeptLease(world.clock, stored.expires), CLOCK_SKEW / 2
    moments = [world.clock.now() + timedelta(seconds=second / 2) for second in range(80)]
    held = []
    for moment in moments:
        world.clock.time = moment - half  # the holder's, which was right when it took the lease
        held.append(holder.is_held)
        assert not held[-1] or stored.is_held(moment + half)
    assert (held[0], held[-1]) == (True, False)


async def test_what_nobody_foresaw_while_renewing_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the work, as the lease is not kept any more, and does not pass for a lost one."""
    begun = await read(world)
    stopped = asyncio.Event()

    async def work(_: KeptLease) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async def refuse(_: RegistryKey) -> Stored | None:
        raise ValueError("refused as wrong")

    monkeypatch.setattr(world.store, "read", refuse)
    with pytest.raises(ValueError, match="refused as wrong"):
        await under_lease(begun, work, world.ports)
    assert stopped.is_set()
