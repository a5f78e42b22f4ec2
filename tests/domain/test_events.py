"""Which events a change of a registry brings, and all that they tell."""

from datetime import timedelta

from registry_api.domain import lifecycle
from registry_api.domain.events import Event, EventType, events_of
from registry_api.domain.operation import OperationKind
from registry_api.domain.origin import NOWHERE, Origin
from registry_api.domain.registry import DRIFTED, FALSE, TRUE, Registry
from registry_api.domain.resources import Failure, FailureKind
from registry_api.domain.status import with_condition
from tests.domain.registries import ADA, EVE, NOW, SCOPE, acceptance, begun, created, spec, succeeded

LATER = NOW + timedelta(minutes=5)
LOCKED = Failure(code="ScopeLocked", message="Locked.", kind=FailureKind.BLOCKED)


def types(before: Registry | None, after: Registry) -> list[str]:
    """Return the kinds of events that one change brings."""
    return [each.type.value for each in events_of(before, after, [after.operation], by=ADA, now=NOW, origin=NOWHERE)]


def test_an_event_tells_everything() -> None:
    """A request's event says who asked for what, when and from where, and what number it has."""
    registry = created("eastus").model_copy(update={"events": 6})
    (event,) = events_of(None, registry, [registry.operation], by=EVE, now=LATER, origin=Origin("r1", "203.0.113.7"))

    assert event == Event(
        incarnation="demo1.1",
        sequence=7,
        scope=SCOPE,
        time=LATER,
        type=EventType.REQUEST_ACCEPTED,
        operation="demo1.1",
        operation_kind=OperationKind.CREATE,
        generation=1,
        actor="eve",
        actor_type="Application",
        request_id="r1",
        address="203.0.113.7",
        registry="Demo1",
        state="Accepted",
    )


def test_every_end_is_an_event_once() -> None:
    """An operation ends once, as what it ended; work in between is no event."""
    registry = created("eastus")
    working = begun(registry)
    failed = lifecycle.fail(working, LOCKED, NOW)

    assert types(registry, working) == []
    assert types(working, lifecycle.succeed(working, NOW)) == ["OperationSucceeded"]
    assert types(working, failed) == ["OperationFailed"]
    assert types(working, lifecycle.cancel(working, ADA, NOW)) == ["OperationCanceled"]
    assert types(failed, failed) == []
    (event,) = events_of(working, failed, [failed.operation], by=ADA, now=NOW, origin=NOWHERE)
    assert event.message == "Locked."


def test_what_one_request_does_to_two_operations_is_told_in_order() -> None:
    """The end of the operation that was overtaken comes before the request that overtook it."""
    before = begun(created("eastus"))
    after = lifecycle.update(before, spec("eastus", "westus"), acceptance(2))
    ended = lifecycle.superseded(before.operation, after.operation)
    events = [*events_of(before, after, [ended, after.operation], by=ADA, now=NOW, origin=NOWHERE)]

    assert [(event.sequence, event.type.value, event.operation, event.generation) for event in events] == [
        (1, "OperationCanceled", "demo1.1", 1),
        (2, "RequestAccepted", "demo1.2", 2),
    ]


def test_a_change_that_joins_an_operation_is_told_as_one() -> None:
    """It is an event of the operation under way, which neither begins nor ends with it."""
    before = begun(created("eastus"))
    after = lifecycle.update(before, spec("eastus", description="new"), acceptance(2, EVE))
    (event,) = events_of(before, after, [after.operation], by=EVE, now=NOW, origin=NOWHERE)

    told = (event.sequence, event.type.value, event.operation, event.operation_kind.value, event.generation)
    assert (*told, event.actor) == (1, "RequestJoined", "demo1.1", "Create", 2, "eve")


def test_drift_is_an_event_when_it_changes() -> None:
    """Drift is told when it is found, and again only when something else has drifted; its end is no event."""
    registry = succeeded("eastus")

    def drifted(message: str, status: str = TRUE) -> Registry:
        return with_condition(registry, DRIFTED, status, reason="DriftFound", message=message, now=NOW)

    assert types(registry, drifted("a")) == ["DriftFound"]
    assert types(drifted("a"), drifted("a")) == []
    assert types(drifted("a"), drifted("b")) == ["DriftFound"]
    assert types(drifted("a"), drifted("a", FALSE)) == []
    (event,) = events_of(registry, drifted("a"), [], by=ADA, now=NOW, origin=NOWHERE)
    assert (event.operation, event.message) == (registry.operation.id, "a")
    assert [each.type.value for each in events_of(None, drifted("a"), [], by=ADA, now=NOW, origin=NOWHERE)] == [
        "DriftFound"
    ]
