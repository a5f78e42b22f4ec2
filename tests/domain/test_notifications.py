"""What subscribers are told of, and how far they are told."""

from datetime import UTC, datetime, timedelta

import pytest

from registry_api.domain import delivery
from registry_api.domain.delivery import Cursor, DeliveryFailure
from registry_api.domain.events import GONE, Event, EventType
from registry_api.domain.notifications import addressed, cloud_event, type_of
from registry_api.domain.operation import OperationKind
from registry_api.domain.scope import Scope
from tests.courier import subscriber

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCEPTED, SUCCEEDED, ENDED_BADLY = (
    EventType.REQUEST_ACCEPTED,
    EventType.OPERATION_SUCCEEDED,
    EventType.OPERATION_FAILED,
)
CREATE, UPDATE, DELETE, RECONCILE = OperationKind
BUSY = DeliveryFailure(cause="It answered 500.")


def event(kind: EventType = ACCEPTED, operation: OperationKind = CREATE, state: str = "Accepted") -> Event:
    """Return something that happened."""
    return Event(
        incarnation="demo1.1",
        sequence=1,
        time=NOW,
        type=kind,
        operation="demo1.1",
        operation_kind=operation,
        generation=1,
        actor="ada",
        actor_type="User",
        registry="Demo1",
        scope=Scope(subscription_id="s", resource_group="g"),
        state=state,
    )


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        (event(ACCEPTED, CREATE), "registry.created"),
        (event(ACCEPTED, UPDATE), "registry.updated"),
        (event(ACCEPTED, DELETE, "Deleting"), None),
        (event(ACCEPTED, RECONCILE), None),
        (event(EventType.REQUEST_JOINED, CREATE), "registry.updated"),
        (event(EventType.REQUEST_JOINED, RECONCILE), "registry.updated"),
        (event(SUCCEEDED, CREATE, "Succeeded"), "registry.provisioned"),
        (event(SUCCEEDED, UPDATE, "Succeeded"), "registry.provisioned"),
        (event(SUCCEEDED, RECONCILE, "Succeeded"), "registry.provisioned"),
        (event(SUCCEEDED, DELETE, GONE), "registry.deleted"),
        (event(SUCCEEDED, RECONCILE, GONE), "registry.deleted"),
        (event(ENDED_BADLY, DELETE, "Failed"), "registry.failed"),
        (event(EventType.OPERATION_CANCELED, CREATE), None),
        (event(EventType.DRIFT_FOUND, RECONCILE), "registry.drifted"),
    ],
)
def test_what_happened_is_told_by_its_name(happened: Event, told: str | None) -> None:
    """Deleted is what is really gone; what somebody has called off is not told."""
    assert type_of(happened) == told


def test_what_nobody_is_told_of_is_no_cloud_event() -> None:
    """Subscribers are not told of everything that happens."""
    with pytest.raises(ValueError, match="Nobody is told"):
        cloud_event(event(EventType.OPERATION_CANCELED))


def test_half_a_character_can_be_sent() -> None:
    """A message may quote what no encoding can carry."""
    assert b"\\ud83d" in cloud_event(event().model_copy(update={"message": "\ud83d"}))


def test_a_body_is_bounded() -> None:
    """However long a message is, everybody can take the letter."""
    assert len(cloud_event(event().model_copy(update={"message": "🗺" * 1_000_000}))) < 64 * 1024


def test_an_event_names_those_who_are_to_be_told() -> None:
    """Only subscribers of its tenant, and only of its type."""
    subscribers = [subscriber("all", "t1"), subscriber("ends", "t1", "registry.failed"), subscriber("foreign", "t2")]

    assert [one.subscribers for one in addressed([event()], "t1", subscribers)] == [("all",)]
    assert [one.subscribers for one in addressed([event(ENDED_BADLY)], "t1", subscribers)] == [("all", "ends")]
    assert [one.subscribers for one in addressed([event()], "t3", subscribers)] == [()]


def test_pauses_grow_and_differ() -> None:
    """From five seconds to an hour, each longer by up to a quarter, which differs between subscribers."""
    cursor, pauses = Cursor(written_at=NOW), []
    for _ in range(14):
        cursor = delivery.fail(cursor, event(), subscriber(), BUSY, NOW)
        assert cursor.due is not None
        pauses.append((cursor.due - NOW).total_seconds())

    expected = [min(5 * 2**number, 3600) for number in range(14)]
    assert all(low <= pause <= 1.25 * low for low, pause in zip(expected, pauses, strict=True)), pauses
    other = delivery.fail(Cursor(written_at=NOW), event(), subscriber("other"), BUSY, NOW)
    assert (other.due, cursor.attempts, cursor.first_attempt_at) != (NOW + timedelta(seconds=pauses[0]), 14, NOW)
    assert other.due != NOW + timedelta(seconds=pauses[0])


def test_a_clock_that_was_wrong_silences_nobody() -> None:
    """What is due later than any pause lasts is due now."""
    cursor = Cursor(written_at=NOW, due=NOW + timedelta(hours=1))
    assert delivery.pause_of(cursor, NOW) == timedelta(hours=1)
    assert delivery.pause_of(cursor, NOW + timedelta(hours=1)) is None
    assert delivery.pause_of(cursor, NOW - timedelta(hours=1)) is None


def test_what_is_settled_leaves_no_attempts_behind() -> None:
    """The next event begins with a clean slate, and the lease is held on."""
    failed = delivery.fail(delivery.begin(Cursor(written_at=NOW), NOW), event(), subscriber(), BUSY, NOW)
    assert not failed.lease.is_held(NOW)
    later = NOW + timedelta(seconds=10)
    advanced = delivery.advance(delivery.begin(failed, later), 1, later)

    assert (advanced.settled, advanced.attempts, advanced.due, advanced.first_attempt_at) == (1, 0, None, None)
    assert (advanced.lease.epoch, advanced.lease.is_held(later)) == (2, True)
