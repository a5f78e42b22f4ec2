"""What must be true of a world in which nothing is on its way any more."""

from collections.abc import AsyncIterator, Iterator

from registry_api.domain.events import Event, EventType
from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import DEADLINE, Operation, OperationStatus
from registry_api.domain.problems import Code
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.registry import CLOCK_SKEW, Registry
from registry_api.domain.resources import ResourceState
from registry_api.service.records import Revision
from registry_api.service.showing import view_of
from tests.simulation.cloud import Thing
from tests.simulation.told import problems_of_letters
from tests.simulation.world import World, differences

_PAGE = 100
_ENDS = {EventType.OPERATION_SUCCEEDED, EventType.OPERATION_FAILED, EventType.OPERATION_CANCELED}


async def problems(world: World) -> list[str]:
    """Return everything that is wrong with a world that has come to rest."""
    found = [*world.violations, *world.cloud.violations]
    if left := [*world.queue.messages(), *world.poison.messages()]:
        found.append(f"{len(left)} messages are left")
    found += await problems_of_letters(world)
    for key in world.journal.keys:
        found += [f"'{key.name}': {problem}" async for problem in _of_registry(world, key)]
    found += [f"nobody owns {thing.place}" for thing in world.cloud.things() if not _has_owner(world, thing)]
    return found


async def _of_registry(world: World, key: RegistryKey) -> AsyncIterator[str]:
    stored = await world.truth.read(key)
    registry = stored.registry if stored else None
    if registry != world.journal.latest(key):
        yield "what is stored is not what was committed last"
    if await world.views.read(key) != (view_of(registry) if registry else None):
        yield "what callers read is not what is stored"
    async for problem in _of_operations(world, key, registry):
        yield problem
    async for problem in _of_events(world, key):
        yield problem
    if registry is None:
        return
    if not registry.state.is_terminal:
        yield f"it is stuck at {registry.state}"
    for problem in _of_state(world, registry):
        yield problem
    async for problem in _of_revisions(world, registry):
        yield problem


async def _of_operations(world: World, key: RegistryKey, registry: Registry | None) -> AsyncIterator[str]:
    accepted = {
        entry.after.operation.id: entry.after for entry in world.journal.entries(key) if entry.after is not None
    }
    for operation_id in sorted(accepted):
        operation = await world.truth.read_operation(key, operation_id)
        if operation is None:
            if not world.is_forgotten(accepted[operation_id].operation):
                yield f"operation '{operation_id}' is lost"
            continue
        if not operation.is_terminal:
            yield f"operation '{operation_id}' is stuck at {operation.status}"
        if registry is not None and operation_id == registry.operation.id and operation != registry.operation:
            yield f"operation '{operation_id}' is not as the registry tells it"
        told = world.told.get(operation_id)
        if told is not None and (told.status, told.error) != (operation.status, operation.error):
            yield f"operation '{operation_id}' is {operation.status}, and somebody was told that it is {told.status}"
        for problem in _of_cause(world, operation, accepted[operation_id]):
            yield problem


async def _of_revisions(world: World, registry: Registry) -> AsyncIterator[str]:
    revisions: list[Revision] = []
    continuation = None
    while True:
        page = await world.truth.list_revisions(registry.key, registry.incarnation, _PAGE, continuation)
        revisions += page.items
        continuation = page.continuation
        if continuation is None:
            break
    generations = [revision.generation for revision in revisions]
    if generations != list(range(registry.generation, 0, -1)):
        yield f"its revisions are {generations}, its generation is {registry.generation}"
    accepted = {
        entry.after.generation: entry.after.spec
        for entry in world.journal.entries(registry.key)
        if entry.after is not None and entry.after.incarnation == registry.incarnation
    }
    for revision in revisions:
        if accepted.get(revision.generation) != revision.spec:
            yield f"revision {revision.generation} is not what was accepted"
    if revisions and revisions[0].spec != registry.spec:
        yield "its spec is not its last revision"


async def _of_events(world: World, key: RegistryKey) -> AsyncIterator[str]:
    """Compare all events of a name with those that were committed, also of registries that are gone."""
    stored: list[Event] = []
    continuation = None
    while True:
        page = await world.truth.list_events(key, _PAGE, continuation)
        stored += page.items
        continuation = page.continuation
        if continuation is None:
            break
    committed = [event for entry in world.journal.entries(key) for event in entry.commit.events]
    for event in committed:
        if event not in stored and not world.is_forgotten(event):
            yield f"event {_place(event)} is lost"
    if invented := [_place(event) for event in stored if event not in committed]:
        yield f"events {invented} never happened"
    begun = [event.operation for event in committed if event.type is EventType.REQUEST_ACCEPTED]
    ended = [event.operation for event in committed if event.type in _ENDS]
    if sorted(begun) != sorted(ended):
        yield f"operations {sorted(begun)} have begun, and {sorted(ended)} have ended"


def _place(event: Event) -> tuple[str, int]:
    return event.incarnation, event.sequence


def _of_state(world: World, registry: Registry) -> Iterator[str]:
    if registry.state is ProvisioningState.SUCCEEDED:
        if not world.was_meddled_with(registry):
            yield from differences(world.cloud, registry)
        if any(resource.state is not ResourceState.READY for resource in registry.resources):
            yield "it has succeeded, but not all of its resources are ready"
        if registry.deleting:
            yield "it is to be gone and has succeeded to stay"


def _of_cause(world: World, operation: Operation, registry: Registry) -> Iterator[str]:
    """Tell whether an operation that has failed or was canceled names its true cause."""
    error = operation.error
    if operation.status is OperationStatus.SUCCEEDED or error is None or operation.end_time is None:
        return
    if operation.status is OperationStatus.CANCELED:
        is_true = error.code in {Code.OPERATION_CANCELED, Code.SUPERSEDED_BY_NEWER_REQUEST}
    elif error.code == Code.OPERATION_POISONED:
        is_true = world.may_give_up(registry.key)
    elif error.code == Code.OPERATION_TIMED_OUT:
        is_late = operation.end_time - operation.start_time >= DEADLINE
        is_silent = "No problem was reported." in error.message
        is_hidden = is_silent and _met_a_problem(world, operation, registry)
        is_true = is_late and world.may_time_out(operation) and not is_hidden
    else:
        is_true = any(
            told.failure == error
            and told.incarnation == registry.incarnation
            and told.at >= operation.start_time - CLOCK_SKEW
            for told in world.cloud.reported
        )
    if not is_true:
        yield f"its operation ends {operation.status} for an untrue cause, {error.code}: {error.message}"


def _met_a_problem(world: World, operation: Operation, registry: Registry) -> bool:
    """Tell whether anything was written down that an operation met before it ended."""
    states = [entry.after for entry in world.journal.entries(registry.key) if entry.after is not None]
    on_the_way = [state for state in states if state.operation.id == operation.id and not state.operation.is_terminal]
    return any(resource.failure for state in on_the_way for resource in state.resources)


def _has_owner(world: World, thing: Thing) -> bool:
    registry = world.journal.latest(thing.owner)
    if registry is None or registry.incarnation != thing.incarnation:
        return False
    return (thing.key, thing.place.name) in {(resource.key, resource.name) for resource in registry.resources}
