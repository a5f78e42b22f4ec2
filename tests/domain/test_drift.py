"""When a registry is looked at again, and what is told of it then."""

from datetime import timedelta

import pytest

from registry_api.domain import drift
from registry_api.domain.drift import CHECK_INTERVAL
from registry_api.domain.plan import Presence
from registry_api.domain.registry import DRIFTED, Condition, Registry
from registry_api.domain.resources import Failure, Kind, ResourceKey
from registry_api.domain.visits import Findings
from tests.domain.registries import NOW, begun, created, seen, succeeded

LATER = NOW + CHECK_INTERVAL
WEST = ResourceKey(Kind.STORAGE_ACCOUNT, "westus")


def drifted() -> Registry:
    """Return a registry whose storage in westus is gone."""
    registry = succeeded("eastus", "westus")
    return drift.checked(registry, seen(registry, Presence.READY, {WEST: Presence.ABSENT}), LATER)


@pytest.mark.parametrize(("age", "expected"), [(-1, False), (0, True), (1, True)])
def test_a_registry_is_looked_at_again_after_the_interval(age: int, expected: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """What was reached, or looked at, is looked at again an interval later, and not sooner."""
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


def test_what_cannot_be_seen_is_told_as_before() -> None:
    """A look that failed changes nothing but the time of the look."""
    before = drifted()
    findings = seen(before, Presence.CHANGING)
    failures = {WEST: Failure(code="RegionUnavailable", message="No answer.")}
    blind = Findings(findings.serial, findings.observed, findings.remaining, failures)
    after = drift.checked(before, blind, LATER + CHECK_INTERVAL)

    assert after == before.model_copy(update={"checked_at": LATER + CHECK_INTERVAL})
