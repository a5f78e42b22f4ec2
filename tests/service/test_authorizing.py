"""What callers may do: actor by actor, action by action, place by place; and that nothing else is told."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from registry_api.bootstrap import RandomIds
from registry_api.domain.caller import Caller
from registry_api.domain.filters import ALL, Filter
from registry_api.domain.permissions import Action, Permissions
from registry_api.domain.problems import Refusal
from registry_api.domain.scope import Scope
from registry_api.domain.validation import examine
from registry_api.service import history, planning, reading, registries
from registry_api.service.accepting import Intent
from registry_api.service.authorizing import Inquiry
from registry_api.service.ports import UnreadableError
from registry_api.service.views import content_of
from registry_api.storage.rows import Upsert
from tests.service.actors import ACTORS, ANOTHER, BESIDE, HERE, ONE, PLACES, ROLES, ROOT, STRANGER, TENANT, Away, caller
from tests.service.world import World

Verb = Callable[[World, str, Inquiry], Awaitable[Any]]
_NUMBER = re.compile(r"(?<=\*\.)[0-9a-f]+")
PLACE_OF = {name: scope for name, (scope, _) in PLACES.items()}


def _document(name: str) -> Any:
    return examine({"name": name, "location": "eastus", "description": "new"})


def _intent(inquiry: Inquiry) -> Intent:
    return Intent(inquiry.caller, inquiry.scope, inquiry.within)


async def _operation_of(world: World, name: str) -> str:
    stored = await reading.read(name, Inquiry(ROOT, HERE), ports=world.ports) if name in PLACES else None
    return stored.operation.id if stored else f"{name.lower()}.1"


async def _cancel(world: World, name: str, inquiry: Inquiry) -> Any:
    return await history.cancel(await _operation_of(world, name), _intent(inquiry), ports=world.ports)


async def _read_operation(world: World, name: str, inquiry: Inquiry) -> Any:
    return await history.read_operation(await _operation_of(world, name), inquiry, ports=world.ports)


async def _first_page(read: Any, world: World, name: str, inquiry: Inquiry) -> Any:
    """Return a page of one; that there is more to come is a part of the answer."""
    page = await read(name, 1, None, inquiry, ports=world.ports)
    if not page.items and page.continuation is not None:
        raise AssertionError("an empty page leads on")
    return page


VERBS: dict[str, tuple[Action, Verb]] = {
    "read": (Action.READ, lambda w, name, who: reading.read(name, who, ports=w.ports)),
    "revisions": (Action.READ, lambda w, name, who: history.list_revisions(name, 9, None, who, ports=w.ports)),
    "operations": (Action.READ, lambda w, name, who: _first_page(history.list_operations, w, name, who)),
    "events": (Action.READ, lambda w, name, who: _first_page(history.list_events, w, name, who)),
    "undelivered": (Action.READ, lambda w, name, who: _first_page(history.list_undelivered, w, name, who)),
    "operation": (Action.READ, _read_operation),
    "plan": (Action.READ, lambda w, name, who: planning.preview(_document(name), _intent(who), ports=w.ports)),
    "put": (Action.WRITE, lambda w, name, who: registries.put(_document(name), _intent(who), ports=w.ports)),
    "patch": (
        Action.WRITE,
        lambda w, name, who: registries.patch(name, {"description": "new"}, _intent(who), ports=w.ports),
    ),
    "reconcile": (Action.WRITE, lambda w, name, who: registries.retry(name, _intent(who), ports=w.ports)),
    "cancel": (Action.WRITE, _cancel),
    "delete": (Action.DELETE, lambda w, name, who: registries.delete(name, _intent(who), ports=w.ports)),
}
"""Everything that is done to one registry, and the action that it takes."""


async def world_of_registries() -> World:
    """Return a control plane with one registry in each place."""
    world = World(roles=ROLES)
    for name, scope in PLACE_OF.items():
        await registries.put(examine({"name": name, "location": "eastus"}), Intent(ROOT, scope), ports=world.ports)
    return world


async def answer(call: Awaitable[Any], *, without: str = "?") -> tuple[str, str]:
    """Return code and message of a refusal, or that there is none; names of registries and operations are left out."""
    try:
        await call
    except Refusal as refusal:
        message = _NUMBER.sub("*", refusal.problems[0].message.lower().replace(without.lower(), "*"))
        return refusal.problems[0].code.value, message
    return "ok", ""


def scoped(who: Caller, scope: Scope) -> Inquiry:
    """Return an inquiry that names a scope."""
    return Inquiry(who, scope, Filter(subscription_id=scope.subscription_id, resource_group=scope.resource_group))


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("actor", ACTORS)
async def test_everybody_may_do_just_what_its_roles_say(actor: str, verb: str) -> None:
    """Whether the scope is named or not, each actor may do in each place exactly what the table says."""
    action, call = VERBS[verb]
    for name, may in zip(PLACES, ACTORS[actor].may, strict=True):
        word = action.value.rpartition("/")[2]
        for inquiry in (scoped(caller(actor), PLACE_OF[name]), Inquiry(caller(actor), PLACE_OF[name])):
            code, _ = await answer(call(await world_of_registries(), name, inquiry))
            assert code == ("ok" if word in may.split(", ") else "AuthorizationFailed")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("who", [*map(caller, ACTORS), STRANGER], ids=lambda who: who.name)
async def test_what_one_may_not_read_is_as_absent_as_what_never_was(who: Caller, verb: str) -> None:
    """Word for word the answer is the same, but for the name of a new registry that is taken by one out of sight."""
    action, call = VERBS[verb]
    for name, place in PLACE_OF.items():
        permissions = await ROLES.permissions_of(who, place.subscription_id)
        is_seen = who.tenant == ROOT.tenant and permissions.allow(Action.READ, place.registry_id(name))
        if is_seen or permissions.allow(action, place.registry_id(name)):
            continue
        for inquiry in (Inquiry(who, HERE), Inquiry(who, BESIDE), scoped(who, place), scoped(who, BESIDE)):
            seen = await answer(call(await world_of_registries(), name, inquiry), without=name)
            never = await answer(call(await world_of_registries(), "Never1", inquiry), without="Never1")
            if verb in {"put", "plan"} and never[0] == "ok" and who.tenant == ROOT.tenant:
                assert seen[0] == "RegistryNameTaken"
            else:
                assert seen == never


async def test_a_refusal_names_action_and_scope() -> None:
    """Who may read but not change a registry is told where the role is missing."""
    world = await world_of_registries()
    call = registries.patch("Demo1", {}, Intent(caller("reader"), BESIDE), ports=world.ports)

    with pytest.raises(Refusal) as refused:
        await call
    assert str(refused.value) == (
        "AuthorizationFailed: 'reader' may not perform action 'Microsoft.MachineLearningServices/registries/write' "
        f"over scope '{HERE.id}'; a role that has the action must be assigned there or "
        "above, and nothing may deny it."
    )


@pytest.mark.parametrize("actor", ACTORS)
async def test_a_list_shows_what_one_may_read(actor: str) -> None:
    """Everything that the actor may read is in its list, page by page, and nothing else."""
    world = await world_of_registries()
    found: list[str] = []
    continuation = None
    for _ in range(9):
        inquiry = Inquiry(caller(actor), HERE)
        page = await reading.list_views(ALL, 1, continuation, inquiry, views=world.views, roles=world.roles)
        found += [content_of(view)["name"] for view in page.items]
        continuation = page.continuation
        if continuation is None:
            break

    assert found == [name for name, may in zip(PLACES, ACTORS[actor].may, strict=True) if "read" in may]


@pytest.mark.parametrize(
    ("actor", "scope", "expected"),
    [
        ("keeper", HERE, ["Demo1"]),
        ("keeper", BESIDE, "AuthorizationFailed"),
        ("reader", HERE, ["Demo1", "Demo2"]),
        ("reader", BESIDE, ["Demo3"]),
        ("cleaner", HERE, "AuthorizationFailed"),
        ("nobody", HERE, "AuthorizationFailed"),
        ("banned", HERE, "AuthorizationFailed"),
    ],
)
async def test_a_named_scope_is_listed_by_whoever_may_read_in_it(
    actor: str, scope: Scope, expected: list[str] | str
) -> None:
    """Who may read nothing in the scope that it names is told so; a subscription may be named alone."""
    world = await world_of_registries()
    inquiry = scoped(caller(actor), scope)
    listing = reading.list_views(inquiry.within, 9, None, inquiry, views=world.views, roles=world.roles)

    if isinstance(expected, str):
        assert (await answer(listing))[0] == expected
    else:
        assert [content_of(view)["name"] for view in (await listing).items] == expected


@pytest.mark.parametrize("verb", VERBS)
async def test_what_cannot_be_read_is_told_to_whom_it_may_concern(verb: str) -> None:
    """Who may not do what it asks for learns no more of a damaged registry than of one that never was."""
    _, call = VERBS[verb]
    world = await world_of_registries()
    operation = await _operation_of(world, "Demo1")
    for row in ("registry", f"op:{operation}"):
        await world.rows.transact(f"{TENANT}:demo1", [Upsert(row, "garbage")])
    if verb in {"operation", "cancel"}:

        async def call(world: World, name: str, inquiry: Inquiry) -> Any:
            asked = operation if name == "Demo1" else "never1.1"
            if verb == "cancel":
                return await history.cancel(asked, _intent(inquiry), ports=world.ports)
            return await history.read_operation(asked, inquiry, ports=world.ports)

    for inquiry in (Inquiry(caller("nobody"), HERE), scoped(caller("nobody"), HERE)):
        damaged = await answer(call(world, "Demo1", inquiry), without="Demo1")
        assert damaged == await answer(call(world, "Never1", inquiry), without="Never1")
        assert damaged[0] == "AuthorizationFailed"
    if verb not in {"operations", "events", "undelivered"}:  # which have rows of their own
        for actor in ("contributor", "keeper"):
            with pytest.raises(UnreadableError):
                await call(world, "Demo1", Inquiry(caller(actor), HERE))


async def test_a_subscription_is_listed_alone() -> None:
    """A subscription without a group is a scope, too."""
    world, within = await world_of_registries(), Filter(subscription_id=ONE)
    page = await reading.list_views(
        within, 9, None, Inquiry(caller("reader"), HERE, within), views=world.views, roles=world.roles
    )
    refused = reading.list_views(
        within, 9, None, Inquiry(caller("nobody"), HERE, within), views=world.views, roles=world.roles
    )

    assert [content_of(view)["name"] for view in page.items] == ["Demo1", "Demo2", "Demo3"]
    with pytest.raises(Refusal, match=f"over scope '/subscriptions/{ONE}';"):
        await refused


async def test_a_group_alone_is_looked_for_in_every_subscription() -> None:
    """Who may read the group of one subscription is not refused for the group of the default one."""
    world, within = await world_of_registries(), Filter(resource_group="ml")
    elsewhere = Inquiry(caller("contributor"), Scope(subscription_id=ANOTHER, resource_group="ml"), within)
    page = await reading.list_views(within, 9, None, elsewhere, views=world.views, roles=world.roles)

    assert [content_of(view)["name"] for view in page.items] == ["Demo1", "Demo2"]


async def test_subscriptions_are_asked_about_side_by_side() -> None:
    """However slow the answers are, a list over many subscriptions takes as long as one of them; what fails is told."""
    subscriptions = [ONE, ANOTHER, "s3", "s4", "s5"]
    met = asyncio.Barrier(len(subscriptions))
    failing: set[str] = set()

    class Slow:
        async def permissions_of(self, caller: Caller, subscription_id: str) -> Permissions:
            async with asyncio.timeout(5):
                await met.wait()
            return await (Away() if subscription_id in failing else ROLES).permissions_of(caller, subscription_id)

    world = World(roles=ROLES)
    for number, subscription in enumerate(subscriptions):
        await registries.put(_document(f"Demo{number}"), Intent(ROOT, Scope(subscription, "ml")), ports=world.ports)

    async def names() -> list[str]:
        page = await reading.list_views(ALL, 9, None, Inquiry(caller("reader"), HERE), views=world.views, roles=Slow())
        return [content_of(view)["name"] for view in page.items]

    assert await names() == ["Demo0"]
    failing.add("s4")
    with pytest.raises(Refusal, match="away"):
        await names()


async def test_the_past_is_told_registry_by_registry() -> None:
    """Of a name that belonged to two registries, one after the other, each caller sees what it may read."""
    world = await world_of_registries()
    await registries.delete("Demo3", Intent(ROOT, BESIDE), ports=world.ports)
    await world.settle()
    await registries.put(examine({"name": "Demo3", "location": "eastus"}), Intent(ROOT, HERE), ports=world.ports)
    await world.settle()

    async def scopes(actor: str) -> set[Scope]:
        page = await history.list_events("Demo3", 50, None, Inquiry(caller(actor), HERE), ports=world.ports)
        return {event.scope for event in page.items}

    assert await scopes("reader") == {HERE, BESIDE}
    assert await scopes("contributor") == {HERE}


async def test_what_follows_is_told_only_of_what_one_may_read() -> None:
    """A page leads on only to records that the caller may read, however many others there are."""
    world = await world_of_registries()
    await registries.delete("Demo1", Intent(ROOT, HERE), ports=world.ports)
    await world.settle()
    await registries.put(examine({"name": "Demo1", "location": "eastus"}), Intent(ROOT, BESIDE), ports=world.ports)
    await world.settle()

    async def walk(actor: str) -> list[int]:
        sizes, continuation = [], None
        while True:
            page = await history.list_events("Demo1", 1, continuation, Inquiry(caller(actor), HERE), ports=world.ports)
            sizes.append(len(page.items))
            continuation = page.continuation
            if continuation is None:
                return sizes

    assert await walk("reader") == [1] * 6  # two lives of the name
    assert await walk("contributor") == [1] * 4  # the first of them


@pytest.mark.parametrize("read", [history.list_events, history.list_operations])
async def test_a_past_is_told_whatever_hides_it(read: Any) -> None:
    """However much there is since that the caller may not read, it finds all that it may, page by page of any size."""
    world = World(roles=ROLES)
    world.ids = RandomIds()  # type: ignore[assignment] # the newest are the first

    async def put(place: Scope, description: str = "") -> None:
        document = examine({"name": "Demo1", "location": "eastus", "description": description})
        await registries.put(document, Intent(ROOT, place), ports=world.ports)
        await world.settle()
        world.clock.advance(1)

    await put(HERE)
    await registries.delete("Demo1", Intent(ROOT, HERE), ports=world.ports)
    await world.settle()
    for number in range(120):
        await put(BESIDE, str(number))
    hidden = (await read("Demo1", 1, None, Inquiry(caller("reader"), HERE), ports=world.ports)).items
    assert [item.scope for item in hidden] == [BESIDE]

    async def walk(actor: str, top: int) -> list[str]:
        found, continuation = list[str](), None
        while True:
            page = await read("Demo1", top, continuation, Inquiry(caller(actor), HERE), ports=world.ports)
            assert page.items
            found += [item.model_dump_json() for item in page.items]
            continuation = page.continuation
            if continuation is None:
                return found

    everything = await walk("contributor", 100)
    assert len(everything) == (4 if read is history.list_events else 2)
    assert [await walk("contributor", top) for top in (1, 2, 3, 7)] == [everything] * 4
    assert len(await walk("reader", 7)) > 100


async def test_what_hides_too_much_hides_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request looks behind so much that the caller may not read, and no further; then there is nothing."""
    monkeypatch.setattr(history, "_LOOK_AHEAD", 5)
    monkeypatch.setattr(history, "_MOST_LOOKS_AHEAD", 2)
    world = World(roles=ROLES)
    world.ids = RandomIds()  # type: ignore[assignment] # the newest are the first
    for hidden in range(12):
        place = HERE if hidden == 0 else BESIDE
        document = examine({"name": "Demo1", "location": "eastus", "description": str(hidden)})
        await registries.put(document, Intent(ROOT, place), ports=world.ports)
        await world.settle()
        if hidden == 0:
            await registries.delete("Demo1", Intent(ROOT, HERE), ports=world.ports)
            await world.settle()
        asked = history.list_operations("Demo1", 1, None, Inquiry(caller("contributor"), HERE), ports=world.ports)
        code, _ = await answer(asked)
        assert code == ("ok" if hidden <= 1 + 2 * 5 - 1 else "RegistryNotFound")
        world.clock.advance(1)


async def test_a_deletion_is_taken_up_again_by_who_may_delete() -> None:
    """Reconciling what is on its way out removes it: that takes both, and is told only to who may read the registry."""
    world = await world_of_registries()
    for name, place in (("Demo1", HERE), ("Demo3", BESIDE)):
        leaving = await registries.delete(name, Intent(ROOT, place), ports=world.ports)
        assert leaving is not None
        await history.cancel(leaving.operation.id, Intent(ROOT, place), ports=world.ports)
    before = await reading.read("Demo1", Inquiry(ROOT, HERE), ports=world.ports)

    async def retry(actor: str, name: str = "Demo1") -> tuple[str, Any]:
        return await answer(registries.retry(name, Intent(caller(actor), HERE), ports=world.ports), without=name)

    for actor, action in (("publisher", Action.DELETE), ("cleaner", Action.WRITE)):
        code, told = await retry(actor)
        assert (code, action.lower() in told) == ("AuthorizationFailed", True)
    assert await retry("publisher", "Demo3") == await retry("publisher", "Never")
    assert await reading.read("Demo1", Inquiry(ROOT, HERE), ports=world.ports) == before
    assert (await retry("contributor"))[0] == "ok"
    await world.settle()
    assert (await answer(reading.read("Demo1", Inquiry(ROOT, HERE), ports=world.ports)))[0] == "RegistryNotFound"


async def test_a_key_is_not_used_up_by_who_may_not_create() -> None:
    """A creation under an idempotency key is refused before the key is looked at, and what it led to is not told."""
    world = World(roles=ROLES)

    async def create(scope: Scope) -> Any:
        intent = Intent(caller("contributor"), scope)
        return await registries.create(_document("New1"), intent, idempotency_key="key", ports=world.ports)

    assert (await answer(create(BESIDE)))[0] == "AuthorizationFailed"
    assert (await create(HERE)).created


async def test_nobody_may_do_anything_while_roles_cannot_be_told() -> None:
    """If what callers may do cannot be found out, nothing is read, changed or listed."""
    world = await world_of_registries()
    before = await reading.read("Demo1", Inquiry(ROOT, HERE), ports=world.ports)
    world.roles = Away()
    for _, call in VERBS.values():
        with pytest.raises(Refusal, match="AuthorizationUnavailable"):
            await call(world, "Never1", Inquiry(ROOT, HERE))
    with pytest.raises(Refusal, match="AuthorizationUnavailable"):
        await reading.list_views(ALL, 9, None, Inquiry(ROOT, HERE), views=world.views, roles=world.roles)
    world.roles = ROLES
    assert await reading.read("Demo1", Inquiry(ROOT, HERE), ports=world.ports) == before
