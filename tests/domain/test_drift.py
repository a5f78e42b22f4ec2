"""When a registry is looked at again, and what is told of it then."""

from datetime import timedelta

import pytest

from registry_api.domain import drift, lifecycle
from registry_api.domain.drift import CHECK_INTERVAL
from registry_api.domain.plan import Action, Presence, Verb
from registry_api.domain.registry import DRIFTED, READY, Condition, Registry
from registry_api.domain.resources import Failure, Kind, ResourceKey
from registry_api.domain.visits import Findings
from tests.domain.registries import NOW, acceptance, begun, created, seen, succeeded

LATER = NOW + CHECK_INTERVAL
WEST = ResourceKey(Kind.STORAGE_ACCOUNT, "westus")


def drifted() -> Registry:
    """Return a registry whose storage in westus is gone."""
    registry = succeeded("eastus", "westus")
    return drift.checked(registry, seen(registry, Presence.READY, {WEST: Presence.ABSENT}), LATER)


@pytest.mark.parametrize(("age", "expected"), [(-1, False), (0, True), (1, True), (-7199, False), (-7200, True)])
def test_a_registry_is_looked_at_again_after_the_interval(age: int, expected: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """What was reached, or looked at, is looked at again an interval later; a time far ahead is a wrong clock's."""
    assert drift.is_to_be_checked(succeeded("eastus"), LATER + timedelta(seconds=age)) is expected


def test_only_what_was_reached_can_drift() -> None:
    """A registry on its way is not looked at; one that was reached and never looked at is, at once."""
    unseen = succeeded("eastus").model_copy(update={"checked_at": None})

    assert drift.is_to_be_checked(unseen, NOW)
    assert not drift.is_to_be_checked(begun(created("eastus")), LATER)


def test_what_has_drifted_is_told() -> None:
    """What is missing is named; the registry's state stays as it is."""
    registry = drifted()

    assert registry.condition(DRIFTED) == Condition(
        type="Drifted",
        status="True",
        reason="DriftFound",
        message="To be done: making StorageAccount in westus.",
        observed_generation=1,
        last_transition_time=LATER,
    )
    assert (registry.checked_at, registry.state) == (LATER, "Succeeded")


def test_what_came_back_by_itself_has_not_drifted() -> None:
    """When everything is there again, that is told, with the time at which it was seen."""
    again = drift.checked(drifted(), seen(drifted(), Presence.READY), LATER + CHECK_INTERVAL)

    assert again.condition(DRIFTED) == Condition(
        type="Drifted",
        status="False",
        reason="AsWanted",
        message="Everything is as it was made.",
        observed_generation=1,
        last_transition_time=LATER + CHECK_INTERVAL,
    )


def blind(registry: Registry) -> Findings:
    """Return what is found when westus does not answer, and all else is there."""
    findings = seen(registry, Presence.READY, {WEST: Presence.CHANGING})
    return findings._replace(failures={WEST: Failure(code="RegionUnavailable", message="No answer.")})


def test_what_cannot_be_seen_is_unknown() -> None:
    """A region that does not answer is told with its cause; whether the registry is ready stays as it was."""
    before = succeeded("eastus", "westus")
    after = drift.checked(before, blind(before), LATER)

    assert after.condition(DRIFTED) == Condition(
        type="Drifted",
        status="Unknown",
        reason="NotSeen",
        message="No answer.",
        observed_generation=1,
        last_transition_time=LATER,
    )
    assert (after.checked_at, after.condition(READY)) == (LATER, before.condition(READY))


def test_what_is_not_to_be_asked_yet_is_unknown() -> None:
    """Neither has anything drifted that the cloud wants to be left alone about."""
    before = succeeded("eastus", "westus")
    findings = seen(before, Presence.READY, {WEST: Presence.CHANGING})
    rested = findings._replace(observed={key: seen for key, seen in findings.observed.items() if key != WEST})
    condition = drift.checked(before, rested, LATER).condition(DRIFTED)

    assert condition is not None
    assert (condition.status, condition.message) == ("Unknown", "It is being changed, or is not to be asked yet.")
    assert not drift.is_to_be_repaired(before, rested)


def test_what_is_being_changed_has_not_drifted() -> None:
    """The cloud may be changing something by itself: whether it has drifted is seen when that is over."""
    before = succeeded("eastus", "westus")
    changing = seen(before, Presence.READY, {WEST: Presence.CHANGING})
    after = drift.checked(before, changing, LATER)
    condition = after.condition(DRIFTED)

    assert condition is not None
    assert (condition.status, condition.reason) == ("Unknown", "NotSeen")
    assert after.condition(READY) == before.condition(READY)
    assert not drift.is_to_be_repaired(after, changing)


@pytest.mark.parametrize(("presence", "reason"), [(Presence.READY, "AsWanted"), (Presence.ABSENT, "Repaired")])
def test_only_what_had_drifted_is_told_as_repaired(presence: Presence, reason: str) -> None:
    """A change of a registry that was as it should be repairs nothing."""
    registry = succeeded("eastus", "westus")
    registry = drift.checked(registry, seen(registry, Presence.READY, {WEST: presence}), LATER)
    again = lifecycle.succeed(lifecycle.retry(registry, acceptance(2)), LATER)
    condition = again.condition(DRIFTED)

    assert condition is not None
    assert (condition.status, condition.reason) == ("False", reason)


def test_a_registry_that_has_drifted_is_not_ready() -> None:
    """Both conditions say the same, and both are well again when all is there."""
    registry = drifted()
    ready = registry.condition(READY)
    assert (ready and ready.status, ready and ready.message) == (
        "False",
        "To be done: making StorageAccount in westus.",
    )
    ready = drift.checked(registry, seen(registry, Presence.READY), LATER).condition(READY)
    assert (ready and ready.status, ready and ready.reason) == ("True", "Converged")


def test_what_is_seen_in_part_is_not_repaired() -> None:
    """Nor is what nothing is to be done about, or what is paused."""
    registry = succeeded("eastus", "westus")
    missing = seen(registry, Presence.READY, {WEST: Presence.ABSENT})
    home = registry.resources[-2].key
    partly = missing._replace(failures={home: Failure(code="RegionUnavailable", message="No answer.")})
    unseen = partly._replace(remaining=[*missing.remaining, Action(Verb.WAIT, registry.resources[-2])])
    paused = registry.model_copy(update={"spec": registry.spec.model_copy(update={"paused": True})})

    assert drift.is_to_be_repaired(registry, missing)
    assert not drift.is_to_be_repaired(registry, unseen)
    assert not drift.is_to_be_repaired(registry, blind(registry))
    assert not drift.is_to_be_repaired(registry, seen(registry, Presence.READY))
    assert not drift.is_to_be_repaired(paused, missing)
