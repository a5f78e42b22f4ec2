"""What requests lead to, on twins of storage and cloud."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_api.domain.names import RegistryKey
from registry_api.domain.problems import Refusal
from registry_api.domain.resources import Failure, FailureKind
from registry_api.domain.validation import Draft, examine
from registry_api.service import history, planning, registries
from registry_api.service.accepting import Intent, Outcome
from registry_api.service.backend import BackendError
from registry_api.service.messages import Message
from registry_api.storage.memory import MemoryQueue
from tests.domain.registries import region_states
from tests.service.world import ADA, ASKING, SCOPE, World, document

REGIONS = ["eastus", "eastus2", "westus", "northeurope", "japaneast"]
OK, GONE, EXISTS = "ok", "RegistryNotFound", "RegistryAlreadyExists"
DEMO = RegistryKey("tenant", "demo1")


async def code_of(call: Any) -> str:
    """Return the code of the refusal that a call ends with, or `ok`."""
    try:
        await call
    except Refusal as refusal:
        return refusal.problems[0].code.value
    return "ok"


async def create(world: World, key: str | None = None, intent: Intent = Intent(ADA, SCOPE), **fields: Any) -> Outcome:  # noqa: B008 - immutable
    """Create a registry, perhaps with an idempotency key."""
    return await registries.create(document("eastus", **fields), intent, idempotency_key=key, ports=world.ports)


async def patch(world: World, merge: object, **intent: Any) -> Outcome:
    """Patch the registry."""
    return await registries.patch("Demo1", merge, Intent(ADA, SCOPE, **intent), ports=world.ports)


async def test_patch_changes_only_what_it_names() -> None:
    """A merge patch changes and removes the fields that it names; the others stay."""
    world = World()
    await world.put("eastus", "westus", description="old", tags={"a": "1", "b": "2"})

    outcome = await patch(world, {"description": None, "tags": {"a": None, "c": "3"}})

    assert outcome.registry.spec.description is None
    assert outcome.registry.spec.tags == {"b": "2", "c": "3"}
    assert outcome.registry.spec.region_names == ("eastus", "westus")


@pytest.mark.parametrize(
    ("merge", "expected"),
    [
        ({"location": "westus"}, "PrimaryLocationImmutable"),
        ({"location": "westus", "replication_locations": [{"location": "westus"}]}, "PrimaryLocationImmutable"),
        ({"location": None}, "MissingField"),
        ({"name": "Other1"}, "NameMismatch"),
        ({"tgas": {}}, "UnknownField"),
        ({"id": "/x"}, "ReadOnlyField"),
        ([1], "InvalidDocument"),
        ({}, "ok"),
    ],
)
async def test_what_a_patch_leads_to_must_keep_the_rules(merge: object, expected: str) -> None:
    """The result of a patch is held to the same rules as a document."""
    world = World()
    before = (await world.put("eastus")).registry

    assert await code_of(patch(world, merge)) == expected
    assert (await world.read()).etag == before.etag


async def test_validate_only_answers_and_does_nothing() -> None:
    """A request that is only to be validated is answered as the real one would be, and leaves no trace."""
    world = World()
    intent = Intent(ADA, SCOPE, validate_only=True)
    created = await registries.put(document("eastus"), intent, ports=world.ports)
    assert (created.created, created.changed, world.queue.messages()) == (True, True, [])
    with pytest.raises(Refusal):
        await world.read()

    await world.put("eastus")
    before = await world.read()
    assert (await patch(world, {"description": "new"}, validate_only=True)).changed
    deleted = await registries.delete("Demo1", intent, ports=world.ports)
    assert deleted is not None
    assert deleted.state == "Deleting"
    assert await code_of(registries.put(document("westus"), intent, ports=world.ports)) != OK
    assert await world.read() == before


async def test_an_idempotency_key_creates_once() -> None:
    """The same request with the same key is answered as the first time, also when the registry has changed since."""
    world = World()
    first = await create(world, "key")
    await world.put("eastus", description="changed since")
    again = await create(world, "key")

    assert again == first._replace(view=None)
    assert (await world.read()).spec.description == "changed since"
    assert await code_of(create(world, "another key")) == EXISTS


async def test_an_idempotency_key_is_for_one_request() -> None:
    """The same key with another document, also of another registry, is refused and nothing is written."""
    world = World()
    await create(world, "key")

    assert await code_of(create(world, "key", tags={"a": "b"})) == "IdempotencyKeyReused"
    assert await code_of(create(world, "key", name="Other1")) == "IdempotencyKeyReused"
    assert await world.store.read(RegistryKey("tenant", "other1")) is None


async def test_a_rehearsal_answers_for_its_key_and_does_not_use_it_up() -> None:
    """With validate_only, a key is answered as it would be: free, used for the same, or used for something else."""
    world = World()
    rehearsal = Intent(ADA, SCOPE, validate_only=True)

    assert (await create(world, "key", intent=rehearsal, tags={"a": "b"})).created
    first = await create(world, "key")
    assert await create(world, "key", intent=rehearsal) == first._replace(view=None)
    assert await code_of(create(world, "key", intent=rehearsal, tags={"a": "b"})) == "IdempotencyKeyReused"


async def test_an_idempotency_key_expires() -> None:
    """After a day a key is forgotten."""
    world = World()
    await create(world, "key")
    world.clock.advance(registries.KEEP_IDEMPOTENCY_KEYS / timedelta(seconds=1))

    assert await code_of(create(world, "key", name="Other1")) == OK


async def test_the_same_request_twice_at_once_creates_once() -> None:
    """Of two equal requests with one key that are under way at once, both get the one registry."""
    world = World()
    outcomes = await asyncio.gather(*(create(world, "key") for _ in range(5)))

    assert len({outcome.registry.incarnation for outcome in outcomes}) == 1
    assert (await world.read()).serial == 1


async def test_a_refused_request_does_not_use_up_its_key() -> None:
    """A request that was refused changed nothing, so it may come again with its key when the reason is gone."""
    world = World()
    await world.put("eastus")
    assert await code_of(create(world, "key")) == EXISTS
    await world.delete()
    await world.settle()

    assert await code_of(create(world, "key")) == OK


async def test_revisions_tell_who_changed_what() -> None:
    """Every accepted spec is kept with its author and what it changed; what changed nothing leaves no revision."""
    world = World()
    await world.put("eastus", tags={"a": "1"})
    await world.put("eastus", tags={"a": "1"})
    await world.put("eastus", "westus", tags={"a": "2"})
    await world.put("eastus", tags={})

    page = await history.list_revisions("Demo1", 2, None, ASKING, ports=world.ports)
    rest = await history.list_revisions("Demo1", 2, page.continuation, ASKING, ports=world.ports)
    items = [*page.items, *rest.items]

    assert [item.revision.generation for item in items] == [3, 2, 1]
    assert {item.revision.accepted_by for item in items} == {"ada"}
    newest, middle, oldest = ([*(item.changes or ())] for item in items)
    assert [(change.path, change.before, change.after) for change in newest if change.path == "tags.a"] == [
        ("tags.a", "2", None)
    ]
    assert {change.path for change in middle} == {"tags.a", "replication_locations.westus"}
    assert {change.before for change in oldest} == {None}
    assert rest.continuation is None


async def test_operations_are_listed_from_the_newest() -> None:
    """All operations of a registry can be read, also after it is gone."""
    world = World()
    await world.put("eastus")
    await world.settle()
    await world.delete()
    await world.settle()

    page = await history.list_operations("Demo1", 10, None, ASKING, ports=world.ports)

    assert {operation.kind for operation in page.items} == {"Create", "Delete"}
    assert await code_of(history.list_operations("Nobody", 10, None, ASKING, ports=world.ports)) == GONE


async def test_cancel_stops_what_is_under_way() -> None:
    """A canceled operation ends, no visit follows, and the same document starts again from what was reached."""
    world = World(looks=50)
    operation = (await world.put("eastus", "westus")).registry.operation
    world.clock.advance(1)
    await world.work_once()

    ended = await history.cancel(operation.id, Intent(ADA, SCOPE), ports=world.ports)
    await world.settle()

    assert (ended.status, ended.error and ended.error.code) == ("Canceled", "OperationCanceled")
    assert (await world.read()).state == "Canceled"
    assert await history.cancel(operation.id, Intent(ADA, SCOPE), ports=world.ports) == ended
    world.backend.looks = 0
    assert (await world.put("eastus", "westus")).changed
    await world.settle()
    assert (await world.read()).state == "Succeeded"


async def test_cancel_during_a_visit_is_not_overwritten() -> None:
    """A visit that was under way when its operation was canceled tells what it found and revives nothing."""
    world = World()
    operation = (await world.put("eastus")).registry.operation
    world.clock.advance(1)
    original = world.backend.start

    async def start_and_cancel(registry: Any, action: Any) -> None:
        await original(registry, action)
        await history.cancel(operation.id, Intent(ADA, SCOPE), ports=world.ports)

    world.backend.start = start_and_cancel  # type: ignore[method-assign]
    await world.work_once()

    registry = await world.read()
    assert (registry.state, registry.operation.status) == ("Canceled", "Canceled")
    assert registry.lease.expires is None
    assert region_states(registry) == {"eastus": "Ready"}


async def test_reconcile_tries_again_what_has_failed() -> None:
    """A failed registry is tried again on demand, without a new generation; one at work goes on as it is."""
    world = World()
    cause = Failure(code="ScopeLocked", message="Locked.", kind=FailureKind.BLOCKED)
    world.backend.refuse = lambda _: BackendError(cause)
    await world.put("eastus")
    await world.settle()
    world.backend.refuse = lambda _: None

    started = await registries.retry("Demo1", Intent(ADA, SCOPE), ports=world.ports)
    again = await registries.retry("Demo1", Intent(ADA, SCOPE), ports=world.ports)
    await world.settle()

    assert (started.operation.kind, again.operation.id) == ("Reconcile", started.operation.id)
    registry = await world.read()
    assert (registry.state, registry.generation) == ("Succeeded", 1)
    assert await code_of(registries.retry("Nobody", Intent(ADA, SCOPE), ports=world.ports)) == GONE


async def test_reconcile_of_a_deletion_deletes() -> None:
    """What had to be left of a deletion is removed, by an operation that is told as one."""
    world = World()
    await world.put("eastus")
    await world.settle()
    leaving = await registries.delete("Demo1", Intent(ADA, SCOPE), ports=world.ports)
    assert leaving is not None
    await history.cancel(leaving.operation.id, Intent(ADA, SCOPE), ports=world.ports)

    started = await registries.retry("Demo1", Intent(ADA, SCOPE), ports=world.ports)
    await world.settle()

    assert (started.operation.kind, started.state) == ("Delete", "Deleting")
    assert await code_of(world.read()) == GONE
    assert (await history.read_operation(started.operation.id, ASKING, ports=world.ports)).status == "Succeeded"


async def test_reconcile_mends_what_was_lost() -> None:
    """A converged registry that lost something in the cloud gets it back on demand."""
    world = World()
    await world.put("eastus")
    await world.settle()
    world.backend.there.clear()

    await registries.retry("Demo1", Intent(ADA, SCOPE), ports=world.ports)
    await world.settle()

    assert len(world.backend.present) == 2


async def test_a_failed_update_names_the_last_good_state() -> None:
    """When an update fails, the registry says which generation was the last that was reached."""
    world = World()
    await world.put("eastus")
    await world.settle()
    cause = Failure(code="ScopeLocked", message="Locked.", kind=FailureKind.BLOCKED)
    world.backend.refuse = lambda _: BackendError(cause)
    await world.put("eastus", "westus")
    await world.settle()

    registry = await world.read()
    assert (registry.state, registry.generation, registry.observed_generation) == ("Failed", 2, 1)
    assert "Generation 1 was the last that was reached." in registry.conditions[0].message


async def test_only_allowed_regions_may_be_added() -> None:
    """A region that is not allowed here is refused with those that are; one that is there already may stay."""
    world = World()
    await world.put("eastus", "westus")
    allowed = frozenset({"eastus", "eastus2"})

    async def put(*regions: str) -> Outcome:
        return await registries.put(document(*regions), Intent(ADA, SCOPE), allowed=allowed, ports=world.ports)

    assert await code_of(put("eastus", "westus", "eastus2")) == OK
    with pytest.raises(Refusal, match="allowed are eastus, eastus2") as caught:
        await put("eastus", "japaneast")
    assert caught.value.problems[0].target == "replication_locations[1].location"


regions_of = st.lists(st.sampled_from(REGIONS), min_size=1, max_size=4, unique=True)
texts = st.fixed_dictionaries(
    {},
    optional={
        "description": st.sampled_from(["one", "two"]),
        "tags": st.dictionaries(st.sampled_from("ab"), st.sampled_from(["1", "2"])),
        "public_network_access": st.sampled_from(["enabled", "disabled"]),
        "paused": st.booleans(),
    },
)
OPTIONS = {
    region: {"storage_account_hns": number % 2 == 0, "replication_count": 1 + number % 2}
    for number, region in enumerate(REGIONS)
}


def _asked_for(names: list[str], fields: dict[str, Any]) -> Draft:
    locations = [{"location": name, "storage_config": OPTIONS[name]} for name in names]
    return examine({"name": "Demo1", "location": names[0], "replication_locations": locations, **fields})


@settings(max_examples=40, deadline=None)
@given(before=regions_of, after=regions_of, old=texts, new=texts)
async def test_after_an_apply_the_plan_is_empty(
    before: list[str], after: list[str], old: dict[str, Any], new: dict[str, Any]
) -> None:
    """What was planned is what is done: once a PUT has become true, the plan of the same document is empty."""
    world = World()
    await registries.put(_asked_for(before, old), Intent(ADA, SCOPE), ports=world.ports)
    await world.settle()
    wanted = _asked_for([before[0], *[region for region in after if region != before[0]]], new)

    planned = await planning.preview(wanted, Intent(ADA, SCOPE), ports=world.ports)
    world.backend.calls.clear()
    await registries.put(wanted, Intent(ADA, SCOPE), ports=world.ports)
    await world.settle()
    empty = await planning.preview(wanted, Intent(ADA, SCOPE), ports=world.ports)

    told = {(action.verb, action.resource.kind.value, action.resource.region) for action in planned.actions}
    assert told == {(verb, str(kind), region) for verb, kind, region in world.backend.calls}
    assert (empty.actions, empty.changes, empty.problems) == ((), (), ())


async def test_a_plan_of_something_new_makes_everything() -> None:
    """The plan for a registry that does not exist makes all of it, and writes nothing."""
    world = World()
    preview = await planning.preview(document("eastus", "westus"), Intent(ADA, SCOPE), ports=world.ports)

    assert {(action.verb, action.resource.region) for action in preview.actions} == {
        ("Create", "eastus"),
        ("Create", "westus"),
    }
    assert {change.before for change in preview.changes} == {None}
    assert world.queue.messages() == []
    assert await code_of(world.read()) == GONE


async def test_a_plan_tells_what_speaks_against_it() -> None:
    """A plan for a change that is not allowed is refused with the reasons."""
    world = World()
    await world.put("eastus")

    with pytest.raises(Refusal, match="PrimaryLocationImmutable"):
        await planning.preview(document("westus"), Intent(ADA, SCOPE), ports=world.ports)


@pytest.mark.parametrize("request_again", ["put", "delete", "retry"])
async def test_a_lost_message_is_sent_again_by_the_same_request(request_again: str) -> None:
    """When the message that was to bring the worker is lost, the same request brings it after all."""
    world = World()
    await world.put("eastus")
    if request_again == "delete":
        await world.settle()
        await world.delete()
    world.queue = MemoryQueue(world.clock)
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "put": lambda: world.put("eastus"),
        "delete": world.delete,
        "retry": lambda: registries.retry("Demo1", Intent(ADA, SCOPE), ports=world.ports),
    }

    await calls[request_again]()
    assert world.queue.messages() == []
    world.clock.advance(180)
    await calls[request_again]()
    assert len(world.queue.messages()) == 1
    await world.settle()

    assert await code_of(world.read()) == (GONE if request_again == "delete" else OK)
    assert request_again == "delete" or (await world.read()).state == "Succeeded"


async def test_a_message_from_the_future_is_dropped() -> None:
    """A forged or garbled message cannot keep itself on the queue for ever."""
    world = World()
    message = Message(
        tenant="tenant", name="demo1", visit="x", serial=9, announced_at=world.clock.now() + timedelta(days=1)
    )

    await world.visit(message)

    assert world.queue.messages() == []
