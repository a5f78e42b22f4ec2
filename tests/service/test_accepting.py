"""What a request announces and commits, and what it is refused with."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from registry_api.domain.caller import Caller, service_of
from registry_api.domain.conditions import Conditions
from registry_api.domain.filters import Filter
from registry_api.domain.names import RegistryKey
from registry_api.domain.permissions import Action
from registry_api.domain.placement import Placement
from registry_api.domain.problems import Refusal
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Kind
from registry_api.domain.scope import Scope
from registry_api.domain.validation import examine
from registry_api.service import accepting, planning, reading, registries
from registry_api.service.accepting import Intent
from registry_api.service.announcing import announce
from registry_api.service.authorizing import Inquiry
from registry_api.service.messages import Message
from registry_api.service.ports import Conflict, Page
from registry_api.service.recording import commit_of
from registry_api.service.records import Commit, Stored
from registry_api.service.views import View, content_of
from tests.service.world import ADA, ASKING, SCOPE, World, document

DEMO = RegistryKey("tenant", "demo1")
ELSEWHERE = Intent(ADA, SCOPE, within=Filter(subscription_id="sub", resource_group="another"))
OUTDATED = Intent(ADA, SCOPE, conditions=Conditions.parse('"old"', None))
ALLOWED = frozenset({"eastus", "eastus2"})


async def refused(call: Awaitable[object]) -> tuple[str, str | None, str]:
    """Return code, target and message of a refusal."""
    with pytest.raises(Refusal) as caught:
        await call
    (problem,) = caught.value.problems
    return problem.code.value, problem.target, problem.message


def messages(world: World) -> list[Message]:
    """Return what is on the queue."""
    return [Message.model_validate_json(body) for body in world.queue.messages()]


async def test_a_request_announces_the_visit_that_it_commits() -> None:
    """The message names the registry, the visit and the request, and is due in a second, as the row says."""
    world = World()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    outcome = await registries.put(document("eastus"), Intent(ADA, SCOPE, traceparent=trace), ports=world.ports)
    visit = outcome.registry.visit

    assert messages(world) == [
        Message(
            tenant="tenant",
            name="demo1",
            visit=visit.token,
            serial=1,
            announced_at=world.clock.now(),
            traceparent=trace,
        )
    ]
    assert (outcome.created, outcome.changed) == (True, True)
    assert visit.due == world.clock.now() + timedelta(seconds=1)
    assert await world.read() == outcome.registry
    again = await world.put("eastus")
    assert (again.created, again.changed, again.registry) == (False, False, outcome.registry)
    changed = await world.put("eastus", description="x")
    assert (changed.created, changed.changed, changed.registry) == (False, True, await world.read())


async def test_a_visit_announces_the_one_that_follows() -> None:
    """The message for the following visit counts as one for the visit before it, and is never due in the past."""
    world = World()
    registry = (await world.put("eastus")).registry
    world.queue.messages()
    now = world.clock.now()
    following = registry.visit.model_copy(update={"token": "next", "due": now - timedelta(seconds=5)})
    await announce(world.queue, registry, now, following=following)

    message = messages(world)[-1]
    assert (message.visit, message.follows, message.announced_at) == ("next", registry.visit.token, now)
    delivery = await world.queue.receive(timedelta(seconds=1))
    assert delivery is not None
    assert Message.model_validate_json(delivery.body) == message


async def test_what_is_stored_goes_with_a_change() -> None:
    """A commit has the operations that change, and the events and the revision that come with it, and no more."""
    world = World()
    registry = (await world.put("eastus")).registry
    now = world.clock.now()
    stored = Stored(registry, "7")
    same = commit_of(stored, registry, ADA, now)
    gone = commit_of(stored, None, service_of("tenant"), now)
    first = commit_of(None, registry.model_copy(update={"events": 0}), ADA, now)

    assert (same.key, same.registry, same.replaces, same.revision, same.events) == (DEMO, registry, "7", None, [])
    assert same.operations == []
    assert (gone.key, gone.registry, gone.revision) == (DEMO, None, None)
    assert [operation.status for operation in gone.operations] == ["Succeeded"]
    assert [(event.type.value, event.actor_type) for event in gone.events] == [("OperationSucceeded", "Application")]
    assert (first.replaces, first.registry and first.registry.events) == (None, 1)
    assert first.revision is not None
    assert first.revision.model_dump(exclude={"spec"}) == {
        "incarnation": registry.incarnation,
        "generation": 1,
        "accepted_at": now,
        "accepted_by": "ada",
        "operation": registry.operation.id,
    }
    assert first.revision.spec == registry.spec
    with pytest.raises(TypeError, match=r"^Nothing is stored, and nothing is to be\.$"):
        commit_of(None, None, ADA, now)


@pytest.mark.parametrize(("conflicts", "succeeds"), [(15, True), (16, False)])
async def test_a_request_is_tried_again_while_others_are_faster(conflicts: int, succeeds: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """In each round somebody gets through; who does not for too long is asked to try again."""
    world = World()
    original, left = world.store.commit, conflicts

    async def commit(commit: Commit) -> str | None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise Conflict
        return await original(commit)

    world.store.commit = commit  # type: ignore[method-assign]
    if succeeds:
        assert (await world.put("eastus")).created
    else:
        message = "'demo1' was changed by others 16 times while this request was on its way; try again."
        assert await refused(world.put("eastus")) == ("ConcurrentChanges", None, message)


async def test_a_decision_for_nothing_is_a_mistake() -> None:
    """Where nothing is stored, something must be decided, or refused."""
    with pytest.raises(TypeError, match=r"^Nothing is stored, and nothing is to be: that is a refusal\.$"):
        await accepting.change(DEMO, Intent(ADA, SCOPE), Action.WRITE, lambda *_: None, World().ports)


async def verb(name: str, world: World, intent: Intent, **arguments: Any) -> object:
    """Ask for something of a registry that is there."""
    if name == "patch":
        return await registries.patch("Demo1", {"description": "x"}, intent, ports=world.ports)
    if name == "put":
        return await registries.put(document("eastus", **arguments), intent, ports=world.ports)
    if name == "create":
        return await registries.create(document("eastus", **arguments), intent, ports=world.ports)
    calls = {"delete": registries.delete, "retry": registries.retry}
    return await calls[name]("Demo1", intent, ports=world.ports)


@pytest.mark.parametrize("name", ["patch", "retry"])
async def test_what_is_in_another_scope_is_not_there(name: str) -> None:
    """Who names another scope than the registry's is told that there is none, and nothing happens."""
    world = World()
    await world.put("eastus")
    before = await world.read()
    missing = "RegistryNotFound", "name", "There is no registry named 'Demo1'."

    assert await refused(verb(name, world, ELSEWHERE)) == missing
    assert await registries.delete("Demo1", ELSEWHERE, ports=world.ports) is None
    assert await refused(reading.read("Demo1", Inquiry(ADA, SCOPE, ELSEWHERE.within), ports=world.ports)) == missing
    assert await world.read() == before
    for call in (
        registries.patch("?", {}, Intent(ADA, SCOPE), ports=world.ports),
        registries.retry("?", Intent(ADA, SCOPE), ports=world.ports),
        reading.read("?", ASKING, ports=world.ports),
    ):
        assert await refused(call) == ("RegistryNotFound", "name", "There is no registry named '?'.")


@pytest.mark.parametrize("name", ["put", "create"])
async def test_a_name_of_another_scope_is_taken(name: str) -> None:
    """Who names another scope is told that the name is taken."""
    world = World()
    await world.put("eastus")

    assert (await refused(verb(name, world, ELSEWHERE)))[0] == "RegistryNameTaken"


@pytest.mark.parametrize("name", ["put", "create", "patch", "delete", "retry"])
async def test_a_condition_that_does_not_hold_stops_every_verb(name: str) -> None:
    """Nothing is written for who expects something else; a condition that holds is no obstacle."""
    world = World()
    before = (await world.put("eastus")).registry

    assert (await refused(verb(name, world, OUTDATED)))[0] == "PreconditionFailed"
    assert await world.read() == before
    holding = Intent(ADA, SCOPE, conditions=Conditions.parse(before.etag, None))
    if name == "create":
        assert (await refused(verb(name, world, holding)))[0] == "RegistryAlreadyExists"
    else:
        await verb(name, world, holding)


async def test_what_is_not_there_meets_no_condition() -> None:
    """A creation under If-Match fails; a deletion of nothing has nothing to do."""
    world = World()

    for name in ("put", "create"):
        assert (await refused(verb(name, world, OUTDATED)))[0] == "PreconditionFailed"
    assert await registries.delete("Demo1", OUTDATED, ports=world.ports) is None


async def test_only_allowed_regions_are_taken_whatever_the_verb() -> None:
    """Creating, changing, patching and planning are held to the same list of regions."""
    world = World()
    west = document("westus")
    for call in (
        registries.create(west, Intent(ADA, SCOPE), allowed=ALLOWED, ports=world.ports),
        registries.put(west, Intent(ADA, SCOPE), allowed=ALLOWED, ports=world.ports),
        planning.preview(west, Intent(ADA, SCOPE), allowed=ALLOWED, ports=world.ports),
    ):
        assert (await refused(call))[0] == "LocationNotSupported"
    await world.put("eastus")
    merge = {"replication_locations": [{"location": "eastus"}, {"location": "westus"}]}
    patching = registries.patch("Demo1", merge, Intent(ADA, SCOPE), allowed=ALLOWED, ports=world.ports)
    assert (await refused(patching))[0] == "LocationNotSupported"


async def test_a_document_without_a_name_is_told_with_all_its_problems() -> None:
    """What has no name has no key; the refusal has every problem of the document, also of scope and regions."""
    world = World()
    draft = examine({"location": "westus", "resource_group": "another"})
    for call in (
        registries.create(draft, Intent(ADA, SCOPE), allowed=ALLOWED, ports=world.ports),
        registries.put(draft, Intent(ADA, SCOPE), allowed=ALLOWED, ports=world.ports),
        planning.preview(draft, Intent(ADA, SCOPE), allowed=ALLOWED, ports=world.ports),
    ):
        with pytest.raises(Refusal) as caught:
            await call
        assert [problem.target for problem in caught.value.problems] == ["name", "resource_group", "location"]


async def test_a_merge_patch_is_a_mapping() -> None:
    """Anything else is told; what a registry does not have may be removed from it."""
    world = World()
    await world.put("eastus")

    call = registries.patch("Demo1", [], Intent(ADA, SCOPE), ports=world.ports)
    assert await refused(call) == (
        "InvalidDocument",
        None,
        "A merge patch must be a mapping of field names to values.",
    )
    nothing = await registries.patch("Demo1", {"description": None}, Intent(ADA, SCOPE), ports=world.ports)
    assert not nothing.changed


async def test_an_idempotency_key_belongs_to_its_caller_and_request() -> None:
    """Another caller may use the same key; for another document or scope it is refused, in words."""
    world = World()

    async def create(name: str, caller: Caller = ADA, scope: Scope = SCOPE) -> Registry:
        draft = document("eastus", name=name)
        outcome = await registries.create(draft, Intent(caller, scope), idempotency_key="key", ports=world.ports)
        assert (outcome.created, outcome.changed) == (True, True)
        return outcome.registry

    told = (
        "IdempotencyKeyReused",
        "Idempotency-Key",
        "This Idempotency-Key was used for another request; take a new key for every new request.",
    )
    first = await create("Demo1")
    assert await refused(create("Demo2")) == told
    assert await refused(create("Demo1", scope=Scope(subscription_id="sub", resource_group="another"))) == told
    await create("Demo3", caller=Caller(tenant="tenant", name="bob"))
    world.clock.advance((registries.KEEP_IDEMPOTENCY_KEYS - timedelta(seconds=1)) / timedelta(seconds=1))
    assert await create("Demo1") == first
    world.clock.advance(1)
    assert (await refused(create("Demo1")))[0] == "RegistryAlreadyExists"


async def test_without_a_key_every_request_is_another_one() -> None:
    """Who asks twice without a key is told the second time that the registry exists."""
    world = World()
    await verb("create", world, Intent(ADA, SCOPE))

    assert (await refused(verb("create", world, Intent(ADA, SCOPE))))[0] == "RegistryAlreadyExists"


async def test_a_list_of_everything_makes_one_call() -> None:
    """A short page that leads on is handed on as it is, if there is no filter that it would have to satisfy."""
    world = World()
    limits: list[int] = []

    async def short(tenant: str, limit: int, continuation: str | None) -> Page[View]:
        assert (tenant, continuation) == ("tenant", None)
        limits.append(limit)
        return Page([], "more")

    world.views.list = short  # type: ignore[method-assign]
    page = await reading.list_views(Filter(), 5, None, ASKING, views=world.views, roles=world.roles)
    assert (page, limits) == (Page([], "more"), [5])


async def test_a_faulty_document_does_not_use_up_a_key() -> None:
    """A document that is refused by itself is refused before its key is looked at."""
    world = World()
    faulty = document("eastus", zzz=1)
    creating = registries.create(faulty, Intent(ADA, SCOPE), idempotency_key="key", ports=world.ports)

    assert (await refused(creating))[0] == "UnknownField"
    good = registries.create(document("eastus"), Intent(ADA, SCOPE), idempotency_key="key", ports=world.ports)
    assert (await good).created


async def test_a_plan_tells_whether_there_is_a_registry() -> None:
    """A plan for nothing is new; one for something tells only what differs from it."""
    world = World()
    new = await planning.preview(document("eastus"), Intent(ADA, SCOPE), ports=world.ports)
    await world.put("eastus")
    await world.settle()
    more = await planning.preview(document("eastus", "westus"), Intent(ADA, SCOPE), ports=world.ports)
    same = await planning.preview(document("eastus"), Intent(ADA, SCOPE), ports=world.ports)
    closed = document("eastus", public_network_access="disabled")
    shut = await planning.preview(closed, Intent(ADA, SCOPE), ports=world.ports)

    assert (new.is_new, more.is_new, same.is_new) == (True, False, False)
    assert [change.path for change in more.changes] == ["replication_locations.westus"]
    assert [(action.verb, action.resource.kind.value, action.resource.region) for action in more.actions] == [
        ("Create", "StorageAccount", "westus"),
        ("Create", "ContainerRegistryReplica", "westus"),
    ]
    assert (same.changes, same.actions, same.problems) == ((), (), ())
    assert [(action.verb, action.resource.kind.value) for action in shut.actions] == [
        ("Repair", "StorageAccount"),
        ("Repair", "ContainerRegistry"),
    ]


async def test_a_page_is_never_longer_than_asked_for() -> None:
    """A list of what matches fills its page over several calls, and leads on to the rest."""
    world = World()
    for number in range(8):
        await world.put("westus" if number % 3 == 0 else "eastus", name=f"R{number}")
    first = await reading.list_views(Filter(location="eastus"), 3, None, ASKING, views=world.views, roles=world.roles)
    rest = await reading.list_views(
        Filter(location="eastus"), 3, first.continuation, ASKING, views=world.views, roles=world.roles
    )

    assert [content_of(view)["name"] for view in first.items] == ["R1", "R2", "R4"]
    assert [content_of(view)["name"] for view in rest.items] == ["R5", "R7"]
    assert rest.continuation is None


async def test_what_is_created_is_where_the_settings_say() -> None:
    """The placement of new registries goes into the record, and into what a plan tells."""
    world, placed = World(), Placement(subscription_id="s", resource_group=None)
    ports = replace(world.ports, placement=placed)
    planned = await planning.preview(document("eastus"), Intent(ADA, SCOPE), ports=ports)
    created = await registries.put(document("eastus"), Intent(ADA, SCOPE), ports=ports)

    assert {action.resource.kind for action in planned.actions} == {one.kind for one in created.registry.resources}
    assert created.registry.placement == placed
    assert Kind.RESOURCE_GROUP in {one.kind for one in created.registry.resources}
