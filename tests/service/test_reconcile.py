"""What visits do to a registry, on twins of storage and cloud."""

from datetime import timedelta
from unittest.mock import patch

import pytest

from registry_api.domain import visits
from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import DEADLINE, OperationStatus
from registry_api.domain.plan import Action, Observation, Verb
from registry_api.domain.problems import Code, Refusal
from registry_api.domain.registry import LEASE, Registry
from registry_api.domain.resources import Failure, FailureKind, Kind, Resource, ResourceState
from registry_api.service import reconcile
from registry_api.service.backend import BackendError
from registry_api.service.messages import Message
from registry_api.service.records import Commit
from tests.domain.registries import region_states
from tests.service.world import INVISIBLE, World

DEMO = RegistryKey("tenant", "demo1")
EVERYTHING_IN_TWO_REGIONS = {
    (Kind.STORAGE_ACCOUNT, "eastus"),
    (Kind.STORAGE_ACCOUNT, "westus"),
    (Kind.CONTAINER_REGISTRY, "eastus"),
    (Kind.REPLICA, "westus"),
}


@pytest.mark.parametrize("looks", [0, 1, 5])
async def test_a_registry_becomes_true(looks: int) -> None:
    """However long the cloud takes, an accepted registry ends with everything that it asked for."""
    world = World(looks=looks)
    operation = (await world.put("eastus", "westus")).registry.operation

    await world.settle()

    registry = await world.read()
    assert registry.state == "Succeeded"
    assert (await world.operation(operation.id)).status is OperationStatus.SUCCEEDED
    assert world.backend.present == EVERYTHING_IN_TWO_REGIONS
    assert len(world.backend.calls) == 4


async def test_one_visit_suffices_where_the_cloud_answers_at_once() -> None:
    """A visit goes on for as long as something can be started, so a fast cloud needs one."""
    world = World()
    await world.put("eastus", "westus")
    world.clock.advance(1)

    await world.work_once()

    assert (await world.read()).state == "Succeeded"


async def test_regions_come_and_go() -> None:
    """A region that is added is made, one that is removed is deleted, and the others are not touched."""
    world = World(looks=1)
    await world.put("eastus", "westus")
    await world.settle()
    world.backend.calls.clear()

    await world.put("eastus", "eastus2")
    await world.settle()

    assert list((await world.read()).regions) == ["eastus", "eastus2"]
    assert {region for _, _, region in world.backend.calls} == {"westus", "eastus2"}
    assert {region for _, region in world.backend.present} == {"eastus", "eastus2"}


async def test_deletion_leaves_nothing_but_the_operation() -> None:
    """A deleted registry is gone with everything that it had, and its operation says so."""
    world = World(looks=1)
    await world.put("eastus", "westus")
    await world.settle()

    deleted = await world.delete()
    await world.settle()

    assert deleted is not None
    assert world.backend.present == set()
    assert (await world.operation(deleted.operation.id)).status is OperationStatus.SUCCEEDED
    with pytest.raises(Refusal, match="RegistryNotFound"):
        await world.read()
    assert await world.delete() is None


async def test_a_registry_is_deleted_while_it_is_being_made() -> None:
    """Deleting does not wait for creating to end; the first operation says what overtook it."""
    world = World(looks=3)
    first = (await world.put("eastus", "westus")).registry.operation
    world.clock.advance(1)
    await world.work_once()

    await world.delete()
    await world.settle()

    assert world.backend.present == set()
    end = await world.operation(first.id)
    assert end.status is OperationStatus.CANCELED
    assert end.error is not None
    assert end.error.code == Code.SUPERSEDED_BY_NEWER_REQUEST


async def test_a_failing_region_does_not_hold_back_the_others() -> None:
    """A region that can never be made fails with its cause; the others are made; a new request tries again."""
    world = World(looks=1)
    cause = Failure(
        code="RequestDisallowedByPolicy", message="Policy 'no-west' forbids westus.", kind=FailureKind.BLOCKED
    )
    world.backend.refuse = lambda resource: BackendError(cause) if resource.region == "westus" else None
    operation = (await world.put("eastus", "westus")).registry.operation
    await world.settle()

    registry = await world.read()
    assert registry.state == "Failed"
    assert region_states(registry) == {"eastus": ResourceState.READY, "westus": ResourceState.FAILED}
    assert (await world.operation(operation.id)).error == cause

    world.backend.refuse = lambda _: None
    assert (await world.put("eastus", "westus")).changed
    await world.settle()
    assert (await world.read()).state == "Succeeded"


async def test_a_failure_that_passes_is_overcome() -> None:
    """An action that fails for a while is tried again until it works."""
    world = World()
    failures = iter([BackendError(Failure(code="RegionUnavailable", message="later"))] * 3)
    world.backend.refuse = lambda _: next(failures, None)
    await world.put("eastus")

    await world.settle()

    assert (await world.read()).state == "Succeeded"


async def test_every_operation_ends() -> None:
    """An operation that cannot make progress fails at the deadline with the last true cause."""
    world = World()
    error = BackendError(Failure(code="RegionUnavailable", message="eastus does not answer."))
    world.backend.refuse = lambda _: error
    await world.put("eastus")

    await world.settle()

    end = (await world.read()).operation.error
    assert end is not None
    assert end.code == Code.OPERATION_TIMED_OUT
    assert "eastus does not answer." in end.message


async def test_an_unforeseen_error_of_a_backend_is_a_failure_like_others(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in a backend does not leave a registry without an end, and is logged."""
    world = World()

    def fail(_: object) -> BackendError:
        raise RuntimeError("a secret detail")

    world.backend.refuse = fail
    await world.put("eastus")
    await world.settle()

    end = (await world.read()).operation.error
    assert end is not None
    assert "secret" not in end.message
    assert "a secret detail" in caplog.text


async def test_duplicate_and_late_messages_do_nothing() -> None:
    """A message that was followed already, however often it comes, changes nothing."""
    world = World()
    await world.put("eastus")
    world.clock.advance(1)
    delivery = await world.queue.receive(INVISIBLE)
    assert delivery is not None
    message = Message.model_validate_json(delivery.body)
    for _ in range(3):
        await world.visit(message)
    await world.queue.delete(delivery)

    await world.settle()

    assert len(world.backend.calls) == 2
    assert (await world.read()).lease.epoch == 1


async def test_many_requests_leave_one_chain_of_visits() -> None:
    """However many requests were accepted, one message at a time brings the worker."""
    world = World(looks=30)
    for number in range(10):
        await world.put("eastus", description=str(number))
    world.clock.advance(1)
    while await world.work_once():
        pass

    assert len(world.queue.messages()) == 1


async def test_a_message_that_comes_before_the_commit_waits() -> None:
    """A visit that was announced but not yet committed is looked for again, and dropped when it is old."""
    world = World()
    written = await world.put("eastus")
    world.clock.advance(1)
    delivery = await world.queue.receive(INVISIBLE)
    assert delivery is not None
    early = Message.model_validate_json(delivery.body).model_copy(update={"name": "other"})

    await world.visit(early)
    assert len(world.queue.messages()) == 2
    world.clock.advance(reconcile.COMMIT_WINDOW.total_seconds())
    await world.visit(early)
    assert len(world.queue.messages()) == 2
    assert written.created


async def test_two_workers_do_not_work_at_once() -> None:
    """While one worker holds the lease, another one comes back later."""
    world = World()
    await world.put("eastus")
    stored = await world.store.read(DEMO)
    assert stored is not None
    held = visits.begin_visit(stored.registry, stored.registry.visit, world.clock.now())
    await world.store.commit(Commit(DEMO, held, stored.version))
    world.clock.advance(1)

    await world.work_once()

    assert world.backend.calls == []
    await world.settle(seconds=int(LEASE.total_seconds()) + 10)
    assert (await world.read()).state == "Succeeded"


async def test_a_message_that_fails_too_often_ends_its_operation() -> None:
    """When the host gives a message up, the operation that it belongs to fails and says so."""
    world = World()
    operation = (await world.put("eastus")).registry.operation
    delivery = await world.queue.receive(timedelta(0))
    assert delivery is None
    world.clock.advance(1)
    delivery = await world.queue.receive(INVISIBLE)
    assert delivery is not None

    await reconcile.give_up(Message.model_validate_json(delivery.body), ports=world.ports)

    end = await world.operation(operation.id)
    assert (end.status, (await world.read()).state) == ("Failed", "Failed")
    assert end.error is not None
    assert end.error.code == Code.OPERATION_POISONED


async def test_a_stray_message_that_fails_ends_nothing() -> None:
    """A message that no registry waits for may fail as often as it likes."""
    world = World()
    await world.put("eastus")
    world.clock.advance(1)
    delivery = await world.queue.receive(INVISIBLE)
    assert delivery is not None
    message = Message.model_validate_json(delivery.body)
    await world.put("eastus", "westus")

    await reconcile.give_up(message, ports=world.ports)

    assert (await world.read()).state == "Accepted"


async def test_an_update_during_a_visit_is_not_lost() -> None:
    """A request that is accepted while a visit goes on is carried out by the next one."""
    world = World()
    await world.put("eastus")
    world.clock.advance(1)

    accepted = False

    def meanwhile(_: object) -> None:
        nonlocal accepted
        accepted = True

    world.backend.refuse = meanwhile
    original = world.backend.start

    async def start_and_update(registry: object, action: object) -> None:
        if not accepted:
            await world.put("eastus", "westus")
        await original(registry, action)  # type: ignore[arg-type]

    world.backend.start = start_and_update  # type: ignore[method-assign]
    await world.settle()

    registry = await world.read()
    assert (registry.state, registry.generation, registry.observed_generation) == ("Succeeded", 2, 2)
    assert world.backend.present == EVERYTHING_IN_TWO_REGIONS


async def test_a_change_of_words_joins_a_visit_that_is_under_way() -> None:
    """A change that no resource knows is true when the visit that it meets ends; nothing is done again for it."""
    world = World(looks=1)
    operation = (await world.put("eastus")).registry.operation
    world.clock.advance(1)
    await world.work_once()
    original = world.backend.observe

    async def observe(registry: Registry, resource: Resource) -> Observation:
        await world.put("eastus", tags={"seen": resource.kind.value})
        return await original(registry, resource)

    with patch.object(world.backend, "observe", observe):
        world.clock.advance(2)
        await world.work_once()

    registry = await world.read()
    assert (registry.state, registry.observed_generation, registry.serial) == ("Succeeded", registry.generation, 1)
    assert registry.generation > 1
    assert await world.operation(operation.id) == registry.operation
    assert len(world.backend.calls) == len(EVERYTHING_IN_TWO_REGIONS) // 2
    await world.settle()
    assert (await world.read()) == registry


async def test_changes_of_words_keep_what_an_operation_has_come_to() -> None:
    """However often they come, its failures stay, its next visit comes no sooner and its time ends when it did."""
    world = World()
    error = BackendError(Failure(code="RegionUnavailable", message="eastus does not answer."))
    world.backend.refuse = lambda _: error
    operation = (await world.put("eastus")).registry.operation
    while not (before := await world.read()).state.is_terminal:
        if not before.operation.is_overdue(world.clock.now()):
            after = (await world.put("eastus", description=f"{world.clock.now()}")).registry
            assert (after.operation.id, after.visit, after.resources) == (operation.id, before.visit, before.resources)
        world.clock.advance(10)
        while await world.work_once():
            pass

    ended = await world.operation(operation.id)
    assert ended.error is not None
    assert (ended.error.code, ended.error.message.endswith(error.failure.message)) == (Code.OPERATION_TIMED_OUT, True)
    assert ended.end_time is not None
    assert ended.end_time - ended.start_time < DEADLINE + timedelta(minutes=1)
    assert before.visit.number < DEADLINE / timedelta(seconds=20)  # the later ones are 30 seconds apart, or more


async def test_what_is_made_is_made_once() -> None:
    """Looking before acting, a worker makes nothing twice over many visits."""
    world = World(looks=4)
    await world.put("eastus", "westus", "eastus2")
    await world.settle()

    assert len(world.backend.calls) == len(set(world.backend.calls))
    assert {verb for verb, _, _ in world.backend.calls} == {Verb.CREATE}


async def test_a_region_that_is_still_leaving_keeps_its_options() -> None:
    """A region that is being removed cannot be added with other storage options before it is gone."""
    world = World(looks=5)
    await world.put("eastus", "westus")
    await world.settle()
    await world.put("eastus")
    locations = [
        {"location": "eastus"},
        {"location": "westus", "storage_config": {"storage_account_type": "Premium_LRS"}},
    ]

    with pytest.raises(Refusal, match="StorageConfigImmutable"):
        await world.put("eastus", replication_locations=locations)
    await world.settle()
    await world.put("eastus", replication_locations=locations)
    await world.settle()
    assert (await world.read()).state == "Succeeded"


async def test_a_failure_of_an_older_request_does_not_stop_a_newer_one() -> None:
    """What failed for good in a visit that a newer request overtook is tried again for the newer one."""
    world = World()
    await world.put("eastus", "westus")
    world.clock.advance(1)
    overtaken = False

    def refuse(resource: Resource) -> BackendError | None:
        final = Failure(code="ScopeLocked", message="Locked.", kind=FailureKind.BLOCKED)
        return BackendError(final) if resource.region == "westus" and not overtaken else None

    world.backend.refuse = refuse
    original = world.backend.start

    async def start(registry: Registry, action: Action) -> None:
        nonlocal overtaken
        try:
            await original(registry, action)
        finally:
            if action.resource.region == "westus" and not overtaken:
                overtaken = True
                await world.put("eastus", "westus", "eastus2")

    with patch.object(world.backend, "start", start):
        await world.settle()

    assert (await world.read()).state == "Succeeded"


async def test_a_message_given_up_before_its_commit_waits() -> None:
    """A message that the host gives up while its request is still on its way to commit is not lost."""
    world = World()
    message = Message(tenant="tenant", name="demo1", visit="x", serial=1, announced_at=world.clock.now())

    await reconcile.give_up(message, ports=world.ports)

    assert len(world.queue.messages()) == 1
