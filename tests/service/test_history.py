"""What is told of the past, page by page, and how an operation is stopped."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from registry_api.domain.caller import Caller
from registry_api.domain.filters import Filter
from registry_api.domain.origin import Origin
from registry_api.domain.problems import Refusal
from registry_api.service import history
from registry_api.service.accepting import Intent
from registry_api.service.authorizing import Inquiry
from registry_api.service.ports import Conflict, Page
from registry_api.service.records import Commit
from registry_api.storage.rows import ANY_VERSION, Delete, Upsert
from tests.service.world import ADA, ASKING, SCOPE, World

ELSEWHERE = Filter(subscription_id="sub", resource_group="another")
GROUP = Filter(subscription_id="SUB", resource_group="GROUP")
STRANGER = Caller(tenant="another", name="ada")


async def refused(call: Awaitable[object]) -> tuple[str, str | None, str]:
    """Return code, target and message of a refusal."""
    with pytest.raises(Refusal) as caught:
        await call
    (problem,) = caught.value.problems
    return problem.code.value, problem.target, problem.message


async def pages(read: Callable[..., Awaitable[Page[Any]]], world: World, limit: int) -> list[list[Any]]:
    """Return everything that there is of something, page by page."""
    result: list[list[Any]] = []
    continuation = None
    while not result or continuation is not None:
        page = await read("Demo1", limit, continuation, ASKING, ports=world.ports)
        result.append([*page.items])
        continuation = page.continuation
    return result


async def eventful(changes: int) -> World:
    """Return a world with a registry that was changed so often."""
    world = World()
    for number in range(changes + 1):
        await world.settle()
        await world.put("eastus", description=f"{number}")
    return world


async def test_the_past_is_told_page_by_page() -> None:
    """Every page goes on where the one before has ended."""
    world = await eventful(4)

    operations = await pages(history.list_operations, world, 2)
    assert [len(page) for page in operations] == [2, 2, 1]
    assert sorted(operation.generation for page in operations for operation in page) == [1, 2, 3, 4, 5]
    events = await pages(history.list_events, world, 4)
    assert [[event.sequence for event in page] for page in events] == [[9, 8, 7, 6], [5, 4, 3, 2], [1]]


async def test_a_revision_is_compared_with_the_one_before_it_also_on_the_next_page() -> None:
    """Each revision tells what it changed; only the first one of all has nothing before it."""
    world = await eventful(2)
    told = [
        [[(change.path, change.before, change.after) for change in item.changes or ()] for item in page]
        for page in await pages(history.list_revisions, world, 1)
    ]

    assert told[0] == [[("description", "1", "2")]]
    assert told[1] == [[("description", "0", "1")]]
    assert ("description", None, "0") in told[2][0]
    assert len(told) == 3


async def test_what_a_revision_has_changed_is_not_known_without_the_one_before_it() -> None:
    """Whether that is not kept any more or cannot be read: nothing is told of what differs from an older one."""
    world = await eventful(2)
    incarnation = (await world.read()).incarnation

    async def told(top: int) -> list[tuple[int, bool]]:
        page = await history.list_revisions("Demo1", top, None, ASKING, ports=world.ports)
        return [(item.revision.generation, item.changes is not None) for item in page.items]

    assert await told(9) == [(3, True), (2, True), (1, True)]
    rows = (await world.rows.range("tenant:demo1", f"rev:{incarnation}:", f"rev:{incarnation};", 9, None)).rows
    await world.rows.transact("tenant:demo1", [Upsert(rows[1].key, "garbage")])
    assert (await told(1), await told(9)) == ([(3, False)], [(3, False), (1, True)])
    await world.rows.transact("tenant:demo1", [Delete(rows[1].key, ANY_VERSION), Delete(rows[2].key, ANY_VERSION)])
    assert await told(9) == [(3, False)]


@pytest.mark.parametrize("read", [history.list_operations, history.list_events, history.list_revisions])
async def test_only_who_may_see_a_registry_sees_its_past(read: Callable[..., Awaitable[Page[Any]]]) -> None:
    """In another scope or tenant, and under what is no name, there is nothing."""
    world = await eventful(0)

    async def of(name: str = "Demo1", caller: Caller = ADA, within: Filter = GROUP) -> Page[Any]:
        return await read(name, 10, None, Inquiry(caller, SCOPE, within), ports=world.ports)

    assert (await of()).items
    missing = "RegistryNotFound", "name", "There is no registry named 'Demo1'."
    assert await refused(of(within=ELSEWHERE)) == missing
    assert await refused(of(caller=STRANGER)) == missing
    assert await refused(of(name="?")) == ("RegistryNotFound", "name", "There is no registry named '?'.")


async def test_the_past_of_what_is_gone_is_told_in_its_scope() -> None:
    """The past of a registry that is gone is told where it was, and where no scope is named; elsewhere it never was."""
    world = World()
    await world.put("eastus")
    await world.delete()
    await world.settle()

    for within in (GROUP, Filter()):
        asking = Inquiry(ADA, SCOPE, within)
        page = await history.list_operations("Demo1", 10, None, asking, ports=world.ports)
        assert len(page.items) == 2
        first = await history.list_operations("Demo1", 1, None, asking, ports=world.ports)
        rest = await history.list_operations("Demo1", 1, first.continuation, asking, ports=world.ports)
        assert [*rest.items] == [*page.items][1:]
    missing = history.list_operations("Demo1", 10, None, Inquiry(ADA, SCOPE, ELSEWHERE), ports=world.ports)
    assert (await refused(missing))[0] == "RegistryNotFound"


@pytest.mark.parametrize("operation_id", ["demo1.ffff", "nonsense", "a?.1"])
async def test_an_operation_that_is_none_is_told(operation_id: str) -> None:
    """Reading and canceling what is no operation of the tenant name it."""
    world = await eventful(0)
    told = "OperationNotFound", "id", f"There is no operation '{operation_id}'."

    assert await refused(world.operation(operation_id)) == told
    assert await refused(history.cancel(operation_id, Intent(ADA, SCOPE), ports=world.ports)) == told


async def test_the_newest_operation_is_there_for_as_long_as_its_registry() -> None:
    """Its row is removed a while after it has ended; the registry, which leads to it, has it yet."""
    world = await eventful(0)
    await world.settle()
    registry = await world.read()
    await world.rows.transact("tenant:demo1", [Delete(f"op:{registry.operation.id}", ANY_VERSION)])

    assert await world.store.read_operation(registry.key, registry.operation.id) is None
    assert await world.operation(registry.operation.id) == registry.operation


async def test_an_operation_belongs_to_its_tenant() -> None:
    """An operation is read and canceled by its own tenant only."""
    world = await eventful(0)
    operation = (await world.read()).operation

    assert await world.operation(operation.id) == operation
    stranger = history.read_operation(operation.id, Inquiry(STRANGER, SCOPE), ports=world.ports)
    assert (await refused(stranger))[0] == "OperationNotFound"
    assert (await refused(history.cancel(operation.id, Intent(STRANGER, SCOPE), ports=world.ports)))[
        0
    ] == "OperationNotFound"
    assert not (await world.operation(operation.id)).is_terminal


async def test_what_has_ended_is_not_canceled() -> None:
    """An operation that was overtaken, or whose registry is gone, is returned as it ended."""
    world = await eventful(0)
    newest = (await world.put("eastus", "westus")).registry.operation
    page = await history.list_operations("Demo1", 10, None, ASKING, ports=world.ports)
    (overtaken,) = [operation for operation in page.items if operation.is_terminal]

    assert await history.cancel(overtaken.id, Intent(ADA, SCOPE), ports=world.ports) == overtaken
    assert await world.operation(newest.id) == newest
    deletion = await world.delete()
    assert deletion is not None
    await world.settle()
    gone = await history.cancel(deletion.operation.id, Intent(ADA, SCOPE), ports=world.ports)
    assert (gone.status, gone.kind) == ("Succeeded", "Delete")


async def test_a_cancellation_is_noted_with_its_origin() -> None:
    """The event of a cancellation says who asked for it, and from where."""
    world = await eventful(0)
    operation = (await world.read()).operation
    intent = Intent(Caller(tenant="tenant", name="bob"), SCOPE, origin=Origin("request-2", "203.0.113.8"))
    await history.cancel(operation.id, intent, ports=world.ports)

    (event,) = (await history.list_events("Demo1", 1, None, ASKING, ports=world.ports)).items
    assert (event.type.value, event.actor, event.request_id, event.address) == (
        "OperationCanceled",
        "bob",
        "request-2",
        "203.0.113.8",
    )
    assert event.time == world.clock.now()


@pytest.mark.parametrize(("conflicts", "succeeds"), [(4, True), (5, False)])
async def test_a_cancellation_is_tried_again_while_others_are_faster(conflicts: int, succeeds: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Others may be faster four times; then the caller is asked to try again."""
    world = await eventful(0)
    operation = (await world.read()).operation
    original, left = world.store.commit, conflicts

    async def commit(commit: Commit) -> str | None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise Conflict
        return await original(commit)

    world.store.commit = commit  # type: ignore[method-assign]
    canceling = history.cancel(operation.id, Intent(ADA, SCOPE), ports=world.ports)
    if succeeds:
        assert (await canceling).status == "Canceled"
    else:
        message = f"Operation '{operation.id}' changes too fast to be canceled; try again."
        assert await refused(canceling) == ("ConcurrentChanges", None, message)
