"""What failures of the cloud lead to: another try soon, or later, or under another name, or an end with its cause."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from registry_api.domain.plan import Observation
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Failure, FailureKind, Kind, Resource
from registry_api.service.backend import BackendError
from tests.domain.registries import region_states
from tests.service.world import World


def failing(kind: FailureKind, retry_after: timedelta | None = None) -> BackendError:
    """Return an error of a kind."""
    return BackendError(Failure(code="Cause", message="The cause.", kind=kind, retry_after=retry_after))


def once_for(kind: Kind, error: BackendError) -> Callable[[Resource], BackendError | None]:
    """Refuse the first resource of a kind, once."""
    left = [error]
    return lambda resource: left.pop() if left and resource.kind is kind else None


async def test_a_throttling_cloud_is_left_alone_for_as_long_as_it_says() -> None:
    """The next visit comes when the cloud wants to be asked again, not before; then all goes on."""
    world = World()
    world.backend.refuse = once_for(Kind.STORAGE_ACCOUNT, failing(FailureKind.THROTTLED, timedelta(seconds=90)))
    started = world.clock.now()
    await world.put("eastus", "westus")
    world.clock.advance(1)
    await world.work_once()
    seen: list[float] = []
    observe = world.backend.observe

    async def watch(*arguments: object) -> object:
        seen.append((world.clock.now() - started) / timedelta(seconds=1))
        return await observe(*arguments)  # type: ignore[arg-type]

    world.backend.observe = watch  # type: ignore[method-assign, assignment]
    await world.settle()

    assert (await world.read()).state == "Succeeded"
    assert 91 <= min(seen) <= max(seen) < 100


async def test_one_region_that_is_left_alone_holds_no_other_back() -> None:
    """While one region rests, the others are made, also for a newer request; neither asks for it before its time."""
    world = World(looks=1)
    throttled = failing(FailureKind.THROTTLED, timedelta(seconds=90))
    world.backend.refuse = lambda resource: throttled if resource.region == "westus" else None
    await world.put("eastus", "westus")
    world.clock.advance(1)
    await world.work_once()
    rested_until = world.clock.now() + timedelta(seconds=90)
    world.backend.refuse = lambda _: None
    asked: list[tuple[str, bool]] = []
    observe = world.backend.observe

    async def watch(registry: Registry, resource: Resource) -> Observation:
        if resource.kind is Kind.STORAGE_ACCOUNT:
            asked.append((resource.region, world.clock.now() < rested_until))
        return await observe(registry, resource)

    world.backend.observe = watch  # type: ignore[method-assign]
    await world.put("eastus", "westus", "eastus2")
    for _ in range(30):
        world.clock.advance(1)
        await world.work_once()
    states = region_states(await world.read())
    assert (states["eastus"], states["eastus2"]) == ("Ready", "Ready")
    assert ("StorageAccount", "westus") not in world.backend.present
    await world.settle()

    assert (await world.read()).state == "Succeeded"
    assert ("eastus2", True) in asked
    assert ("westus", True) not in asked


async def test_a_cloud_is_not_left_alone_for_ever() -> None:
    """However long the cloud wants to be left alone, it is asked again within minutes."""
    world = World()
    world.backend.refuse = once_for(Kind.STORAGE_ACCOUNT, failing(FailureKind.THROTTLED, timedelta(days=1)))
    started = world.clock.now()
    await world.put("eastus")
    await world.settle()

    assert (await world.read()).state == "Succeeded"
    assert world.clock.now() - started < timedelta(minutes=6)


@pytest.mark.parametrize("kind", [FailureKind.BLOCKED, FailureKind.PERMANENT])
async def test_what_cannot_work_ends_with_its_cause(kind: FailureKind) -> None:
    """What somebody has to act upon is not tried again and again."""
    world = World()
    world.backend.refuse = lambda resource: failing(kind) if resource.region == "westus" else None
    await world.put("eastus", "westus")
    await world.settle()

    registry = await world.read()
    assert (registry.state, registry.operation.error and registry.operation.error.code) == ("Failed", "Cause")
    assert world.clock.now() - registry.operation.start_time < timedelta(seconds=10)


@pytest.mark.parametrize("kind", [Kind.STORAGE_ACCOUNT, Kind.CONTAINER_REGISTRY])
async def test_a_name_that_is_taken_is_replaced(kind: Kind) -> None:
    """Another name is taken, stored before it is used, and what is named after it follows."""
    world = World()
    world.backend.refuse = once_for(kind, failing(FailureKind.NAME_TAKEN))
    before = (await world.put("eastus", "westus")).registry
    await world.settle()

    registry = await world.read()
    names = {resource.key: resource.name for resource in before.resources}
    renamed = {resource.key.kind for resource in registry.resources if resource.name != names[resource.key]}
    assert registry.state == "Succeeded"
    assert renamed == ({kind} if kind is Kind.STORAGE_ACCOUNT else {kind, Kind.REPLICA})
    assert {name for _, _, name in world.backend.there} == {resource.name for resource in registry.resources}
    homes = {resource.name for resource in registry.resources if resource.kind is not Kind.STORAGE_ACCOUNT}
    assert len(homes) == 1


async def test_names_are_not_tried_without_end() -> None:
    """When one name after the other is taken, the operation ends and says so."""
    world = World()
    tried = set()

    def refuse(resource: Resource) -> BackendError | None:
        if resource.kind is not Kind.STORAGE_ACCOUNT:
            return None
        tried.add(resource.name)
        return failing(FailureKind.NAME_TAKEN)

    world.backend.refuse = refuse
    await world.put("eastus")
    await world.settle()

    registry = await world.read()
    assert (registry.state, registry.operation.error and registry.operation.error.message) == ("Failed", "The cause.")
    assert len(tried) == 5


async def test_a_name_that_somebody_else_has_is_no_obstacle_to_a_deletion() -> None:
    """What is there under our name but not ours is left alone, and the registry is gone."""
    world = World()
    started = world.clock.now()
    world.backend.blind = lambda resource: failing(FailureKind.NAME_TAKEN) if resource.region == "westus" else None
    await world.put("eastus", "westus")
    await world.delete()
    await world.settle()

    assert world.backend.present == set()
    assert await world.delete() is None
    assert world.clock.now() - started < timedelta(minutes=1)


async def test_what_was_ours_is_not_forgotten_because_its_tags_are_gone() -> None:
    """A deletion does not succeed while something of the registry may be left: it says what is in its way."""
    world = World()
    await world.put("eastus", "westus")
    await world.settle()
    world.backend.blind = lambda resource: failing(FailureKind.NAME_TAKEN) if resource.region == "westus" else None
    await world.delete()
    await world.settle()

    registry = await world.read()
    assert (registry.state, registry.operation.error and registry.operation.error.message) == ("Failed", "The cause.")
    assert (Kind.STORAGE_ACCOUNT, "westus") in world.backend.present
    world.backend.blind = lambda _: None
    await world.delete()
    await world.settle()
    assert world.backend.present == set()
    assert await world.delete() is None
