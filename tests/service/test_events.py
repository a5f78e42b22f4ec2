"""What is noted about a registry: who did what, when and from where, in the same transaction as the change."""

from registry_api.domain.caller import Caller
from registry_api.domain.origin import Origin
from registry_api.domain.resources import Failure, FailureKind
from registry_api.service import history, registries
from registry_api.service.accepting import Intent
from registry_api.service.backend import BackendError
from tests.service.world import ADA, ASKING, SCOPE, World, document

BOB = Caller(tenant="tenant", name="bob")


async def told(world: World) -> list[tuple[str, str, str]]:
    """Return type, kind of operation and actor of everything that happened, the oldest first."""
    page = await history.list_events("Demo1", 100, None, ASKING, ports=world.ports)
    assert [event.sequence for event in reversed(page.items)] == [*range(1, len(page.items) + 1)]
    return [(event.type.value, event.operation_kind.value, event.actor) for event in reversed(page.items)]


async def test_every_turn_of_a_registry_is_noted() -> None:
    """Requests, ends and cancellations are there in their order, each with who did it; a visit alone is nothing."""
    world = World(looks=3)
    await world.put("eastus")
    await world.put("eastus", "westus", caller=BOB)
    await world.settle()
    outcome = await world.put("eastus", description="new")
    await history.cancel(outcome.registry.operation.id, Intent(BOB, SCOPE), ports=world.ports)
    await history.cancel(outcome.registry.operation.id, Intent(BOB, SCOPE), ports=world.ports)
    await world.put("eastus", description="new")  # tries again
    await world.settle()
    await world.put("eastus", description="new")  # changes nothing

    assert await told(world) == [
        ("RequestAccepted", "Create", "ada"),
        ("OperationCanceled", "Create", "bob"),
        ("RequestAccepted", "Update", "bob"),
        ("OperationSucceeded", "Update", "registry-api"),
        ("RequestAccepted", "Update", "ada"),
        ("OperationCanceled", "Update", "bob"),
        ("RequestAccepted", "Update", "ada"),
        ("OperationSucceeded", "Update", "registry-api"),
    ]


async def test_events_outlive_their_registry_and_another_life_has_its_own() -> None:
    """After a deletion everything is still told, and a new registry of the name counts from the beginning."""
    world = World()
    await world.put("eastus")
    await world.settle()
    await world.delete()
    await world.settle()

    assert (await told(world))[2:] == [
        ("RequestAccepted", "Delete", "ada"),
        ("OperationSucceeded", "Delete", "registry-api"),
    ]
    await world.put("eastus")
    page = await history.list_events("Demo1", 100, None, ASKING, ports=world.ports)
    assert sorted(event.sequence for event in page.items) == [1, 1, 2, 3, 4]


async def test_a_failure_is_noted_with_its_cause() -> None:
    """The event of an operation that failed says why."""
    world = World()
    world.backend.refuse = lambda _: BackendError(
        Failure(code="ScopeLocked", message="Locked.", kind=FailureKind.BLOCKED)
    )
    await world.put("eastus")
    await world.settle()

    page = await history.list_events("Demo1", 1, None, ASKING, ports=world.ports)
    (event,) = page.items
    assert (event.type.value, event.message) == ("OperationFailed", "Locked.")


async def test_an_event_tells_where_its_request_came_from() -> None:
    """The request's name and its caller's address are kept; what the service does by itself has none."""
    world = World()
    intent = Intent(ADA, SCOPE, origin=Origin("request-1", "203.0.113.7"))
    await registries.put(document("eastus"), intent, ports=world.ports)
    await world.settle()

    page = await history.list_events("Demo1", 100, None, ASKING, ports=world.ports)
    ended, accepted = page.items
    assert (accepted.request_id, accepted.address) == ("request-1", "203.0.113.7")
    assert (ended.request_id, ended.address) == (None, None)
