"""Operations, and the records that tell how they began and ended."""

from datetime import timedelta

import pytest

from registry_api.domain import lifecycle
from registry_api.domain.caller import Caller, service_of
from registry_api.domain.operation import (
    DEADLINE,
    Operation,
    OperationKind,
    OperationStatus,
    Step,
    is_operation_id,
    registry_key_in,
)
from registry_api.domain.plan import Presence
from registry_api.domain.registry import READY, Condition, Registry
from registry_api.domain.resources import Failure, FailureKind, ResourceState
from registry_api.domain.visits import end_visit
from tests.domain.registries import ADA, EVE, NOW, SCOPE, acceptance, begun, created, seen, spec, succeeded

LATER = NOW + timedelta(minutes=5)
LOCKED = Failure(code="ScopeLocked", message="Locked.", kind=FailureKind.BLOCKED)


def ready_of(registry: Registry) -> Condition:
    """Return the condition that sums a registry up."""
    condition = registry.condition("Ready")
    assert condition is not None
    return condition


@pytest.mark.parametrize(
    ("text", "expected"),
    [("demo1.0af", True), (f"demo1.{'0' * 32}", True), (f"demo1.{'0' * 33}", False), ("demo1.", False), ("d.1", False)],
)
def test_an_operation_id_has_a_form(text: str, expected: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """An id names its registry and ends with hexadecimal digits."""
    assert is_operation_id(text) is expected
    assert registry_key_in("demo1.0af") == "demo1"


def test_a_creation_begins_with_everything_that_is_known() -> None:
    """A new registry says who made it, and its operation who asked, for what, when and in which trace."""
    registry = lifecycle.create(spec("eastus"), SCOPE, acceptance(1, EVE, LATER, "00-trace"))

    assert registry.operation == Operation(
        id="demo1.1",
        kind=OperationKind.CREATE,
        registry="Demo1",
        scope=SCOPE,
        generation=1,
        steps=(Step(location="eastus", state=ResourceState.PENDING),),
        start_time=LATER,
        requested_by="eve",
        traceparent="00-trace",
    )
    assert registry.system_data.as_json() == {
        "created_by": "eve",
        "created_by_type": "Application",
        "created_at": "2026-01-01T00:05:00Z",
        "last_modified_by": "eve",
        "last_modified_by_type": "Application",
        "last_modified_at": "2026-01-01T00:05:00Z",
    }
    assert (registry.tenant, registry.scope, registry.incarnation) == ("tenant", SCOPE, "demo1.1")
    assert (registry.serial, registry.generation, registry.visit.token) == (1, 1, "visit-1")


def test_the_service_acts_in_its_own_name() -> None:
    """What nobody asked for is done by the service, as an application of the tenant."""
    assert service_of("tenant") == Caller(tenant="tenant", name="registry-api", kind="Application")


def test_a_change_is_signed_by_who_made_it() -> None:
    """An update and a deletion say who came last; who made the registry stays."""
    before = succeeded("eastus")
    updated = lifecycle.update(before, spec("eastus", "westus"), acceptance(2, EVE, LATER))
    deleted = lifecycle.delete(before, acceptance(2, EVE, LATER))

    for after in (updated, deleted):
        data = after.system_data
        assert (data.created_by, data.created_by_type, data.created_at) == ("ada", "User", NOW)
        assert (data.last_modified_by, data.last_modified_by_type, data.last_modified_at) == (
            "eve",
            "Application",
            LATER,
        )
        assert (after.serial, after.visit.token, after.operation.registry) == (2, "visit-2", "Demo1")
    assert (updated.operation.kind, updated.operation.generation, updated.deleting) == ("Update", 2, False)
    assert (deleted.operation.kind, deleted.operation.generation, deleted.deleting) == ("Delete", 1, True)
    assert {resource.state for resource in deleted.resources} == {ResourceState.REMOVING}
    assert lifecycle.update(updated, updated.spec, acceptance(3)).generation == 2


def test_a_registry_that_was_to_go_may_stay() -> None:
    """A document for a registry whose deletion has failed or was canceled makes it again, under its own names."""
    canceled = lifecycle.cancel(lifecycle.delete(succeeded("eastus"), acceptance(2)), ADA, NOW)
    again = lifecycle.update(canceled, spec("eastus"), acceptance(3))
    lost = canceled.model_copy(update={"resources": ()})

    assert (again.deleting, again.state, again.generation) == (False, "Accepted", 1)
    assert again.wanted.keys() == {resource.key for resource in canceled.resources}
    assert [resource.name for resource in lifecycle.update(lost, spec("eastus"), acceptance(3)).resources] == [
        resource.name for resource in canceled.resources
    ]


def test_another_try_goes_where_the_last_one_went() -> None:
    """What was to be deleted still is, what was to be made is made under its own names, and what is there stays."""
    failed = lifecycle.fail(begun(created("eastus", "westus")), LOCKED, NOW)
    deletion = lifecycle.fail(begun(lifecycle.delete(succeeded("eastus"), acceptance(2))), LOCKED, NOW)
    without = failed.model_copy(update={"resources": ()})

    again, gone = lifecycle.retry(failed, acceptance(3)), lifecycle.retry(deletion, acceptance(3))
    assert (again.state, again.operation.kind, again.serial, again.generation) == ("Accepted", "Reconcile", 2, 1)
    assert [resource.name for resource in lifecycle.retry(without, acceptance(3)).resources] == [
        resource.name for resource in failed.resources
    ]
    assert (gone.state, gone.deleting, gone.wanted, gone.operation.kind) == ("Deleting", True, {}, "Delete")
    assert {resource.state for resource in gone.resources} == {ResourceState.REMOVING}
    troubled = deletion.model_copy(
        update={"resources": tuple(one.model_copy(update={"failure": LOCKED}) for one in deletion.resources)}
    )
    assert [one.failure for one in lifecycle.retry(troubled, acceptance(3)).resources] == [None] * len(gone.resources)
    ready = gone.condition(READY)
    assert ready is not None
    assert (ready.reason, ready.observed_generation) == ("Deleting", 1)
    assert {resource.state for resource in lifecycle.retry(succeeded("eastus"), acceptance(2)).resources} == {
        ResourceState.READY
    }


def test_a_canceled_operation_says_by_whom() -> None:
    """The registry and its operation tell who stopped them, when, and what was reached."""
    registry = lifecycle.cancel(begun(created("eastus")), EVE, LATER)
    message = "Canceled by eve. No generation has been reached yet."

    assert (registry.state, registry.operation.status, registry.operation.end_time) == ("Canceled", "Canceled", LATER)
    assert registry.operation.error == Failure(code="OperationCanceled", message=message)
    ready = ready_of(registry)
    assert (ready.status, ready.reason, ready.message) == ("False", "OperationCanceled", message)
    assert ready.last_transition_time == LATER


def test_a_superseded_operation_ends_when_its_successor_begins() -> None:
    """The end of an operation that was overtaken names the other one, and its time."""
    end = lifecycle.superseded(
        created("eastus").operation, acceptance(2, now=LATER).operation(OperationKind.UPDATE, "Demo1", SCOPE, 2)
    )

    assert (end.status, end.end_time) == ("Canceled", LATER)
    assert end.error == Failure(
        code="SupersededByNewerRequest",
        message="A newer request, operation 'demo1.2', took the place of this one before it had ended.",
    )


def test_success_is_told_in_full() -> None:
    """What was reached is told with its generation and time; a drift that was repaired is no more."""
    drifting = Condition(
        type="Drifted", status="True", reason="DriftFound", message="m", observed_generation=1, last_transition_time=NOW
    )
    plain = lifecycle.succeed(begun(created("eastus")), LATER)
    repaired = lifecycle.succeed(begun(created("eastus")).model_copy(update={"conditions": (drifting,)}), LATER)

    assert (plain.checked_at, plain.observed_generation, plain.operation.end_time) == (LATER, 1, LATER)
    assert plain.conditions == (
        Condition(
            type="Ready",
            status="True",
            reason="Converged",
            message="Everything is as the registry's owner wants it.",
            observed_generation=1,
            last_transition_time=LATER,
        ),
    )
    assert repaired.condition("Drifted") == Condition(
        type="Drifted",
        status="False",
        reason="Repaired",
        message="Everything is as its owner wants it.",
        observed_generation=1,
        last_transition_time=LATER,
    )


def test_a_deletion_that_is_done_has_nothing_left() -> None:
    """The operation of a registry that is gone tells that no region is left."""
    registry = begun(lifecycle.delete(succeeded("eastus", "westus"), acceptance(2)))
    end = lifecycle.gone(registry.operation, LATER)

    assert (end.status, end.percent_complete, end.end_time, end.error) == ("Succeeded", 100, LATER, None)
    assert [(step.location, step.state) for step in end.steps] == [("eastus", None), ("westus", None)]


def test_a_failure_is_told_in_full() -> None:
    """The operation ends with its cause; the registry adds what was reached before."""
    registry = lifecycle.fail(
        begun(lifecycle.update(succeeded("eastus"), spec("eastus", "westus"), acceptance(2))), LOCKED, LATER
    )

    assert (registry.state, registry.operation.status) == ("Failed", "Failed")
    assert (registry.operation.end_time, registry.operation.error) == (LATER, LOCKED)
    ready = ready_of(registry)
    assert (ready.status, ready.reason) == ("False", "ScopeLocked")
    assert ready.message == "Locked. Generation 1 was the last that was reached."
    assert (ready.observed_generation, ready.last_transition_time) == (2, LATER)


def test_a_deadline_is_told_with_the_last_problem() -> None:
    """An operation that took too long names the last problem, or says that there was none."""
    registry = begun(created("eastus", "westus"))
    resources = tuple(
        resource.model_copy(update={"failure": LOCKED}) if resource.region == "westus" else resource
        for resource in registry.resources
    )

    quiet = lifecycle.time_out(registry, LATER).operation.error
    told = lifecycle.time_out(registry.model_copy(update={"resources": resources}), LATER).operation.error
    assert quiet == Failure(
        code="OperationTimedOut",
        message=f"It did not end within {DEADLINE}. No problem was reported.",
        kind=FailureKind.PERMANENT,
    )
    assert told is not None
    assert told.message == f"It did not end within {DEADLINE}. The last problem was ScopeLocked: Locked."


def test_an_operation_that_no_worker_has_looked_at_says_so() -> None:
    """That nobody has come in an hour is the cause, and what to do is told."""
    told = lifecycle.time_out(created("eastus"), LATER).operation.error
    assert told is not None
    assert told.message == (
        f"It did not end within {DEADLINE}. "
        "No worker has begun with it: the service did not run, or was too busy. Try again."
    )


def test_progress_is_counted_by_resource() -> None:
    """The percentage counts what is ready, or gone, never says 100 before the end, and begins with the work."""
    registry = begun(created("eastus", "westus"))
    assert registry.operation.status is OperationStatus.RUNNING
    half = seen(registry, Presence.CHANGING, {registry.resources[0].key: Presence.READY})
    after = end_visit(registry, half, NOW)
    assert after is not None
    assert after.operation.percent_complete == 25

    waiting = lifecycle.update(succeeded("eastus"), spec("eastus", "westus"), acceptance(2, ADA))
    assert waiting.operation.percent_complete == 0
    assert lifecycle.cancel(begun(waiting), ADA, NOW).operation.percent_complete == 50
    assert (
        lifecycle.fail(
            begun(lifecycle.retry(succeeded("eastus"), acceptance(2))), LOCKED, NOW
        ).operation.percent_complete
        == 99
    )
