"""What a call may do yet whose outcome nobody knows."""

from datetime import datetime, timedelta

import pytest

from registry_api.domain import lifecycle, visits
from registry_api.domain.plan import Observation, Presence, Verb
from registry_api.domain.registry import CLOCK_SKEW, LEASE, Registry
from registry_api.domain.resources import Kind, Resource, ResourceKey, rename
from registry_api.domain.settling import LONGEST_SETTLING, Doubt, after_lost_visit, doubted, settled
from tests.domain.registries import NOW, acceptance, begun, created, seen, spec, succeeded

SECOND = timedelta(seconds=1)
SETTLING = timedelta(seconds=60)
EAST, WEST = ResourceKey(Kind.STORAGE_ACCOUNT, "eastus"), ResourceKey(Kind.STORAGE_ACCOUNT, "westus")
LOST = NOW + LEASE
THERE, NOTHING = Observation(Presence.READY, {"id": "1"}), Observation(Presence.ABSENT)


def one(registry: Registry, key: ResourceKey) -> Resource:
    """Return one of the resources."""
    return next(resource for resource in registry.resources if resource.key == key)


def doubts(registry: Registry, key: ResourceKey) -> tuple[datetime | None, datetime | None]:
    """Return until when a resource may appear, and may vanish."""
    resource = one(registry, key)
    return resource.may_appear_until, resource.may_vanish_until


RESOURCE = one(created("eastus"), EAST)
APPEARING = doubted(RESOURCE, Doubt(Verb.CREATE, LOST))
MENDING = doubted(RESOURCE, Doubt(Verb.REPAIR, LOST))
VANISHING = doubted(RESOURCE, Doubt(Verb.DELETE, LOST))


@pytest.mark.parametrize(
    ("resource", "is_wanted", "observation", "changes"),
    [
        (RESOURCE, True, THERE, False),
        (RESOURCE, False, NOTHING, False),
        (APPEARING, False, NOTHING, True),
        (MENDING, False, NOTHING, True),
        (APPEARING, False, THERE, False),
        (APPEARING, True, NOTHING, False),
        (APPEARING, True, THERE, False),
        (VANISHING, True, THERE, True),
        (VANISHING, True, NOTHING, False),
        (VANISHING, True, Observation(Presence.DIFFERENT), False),
        (VANISHING, False, NOTHING, True),
        (VANISHING, False, THERE, False),
    ],
)
def test_what_may_yet_be_undone_is_changing(
    resource: Resource, *, is_wanted: bool, observation: Observation, changes: bool
) -> None:
    """Gone is only what cannot appear any more, there only what cannot vanish; and only for so long.

    Whose clock is ahead waits as well.
    """
    found = settled(resource, observation, LOST + CLOCK_SKEW - SECOND, is_wanted=is_wanted)

    assert found.presence == (Presence.CHANGING if changes else observation.presence)
    assert found.details == observation.details
    assert settled(resource, observation, LOST + CLOCK_SKEW, is_wanted=is_wanted) == observation


def test_a_doubt_that_a_wrong_clock_has_noted_is_none() -> None:
    """Nobody waits for longer than anything takes to settle."""
    early = LOST - LONGEST_SETTLING

    assert settled(APPEARING, NOTHING, early, is_wanted=False).presence is Presence.CHANGING
    assert settled(APPEARING, NOTHING, early - SECOND, is_wanted=False) == NOTHING


def test_the_longest_doubt_counts() -> None:
    """An older call that may take longer is not forgotten for a newer one."""
    assert doubted(APPEARING, Doubt(Verb.CREATE, LOST - SECOND)) == APPEARING
    assert doubted(APPEARING, Doubt(Verb.CREATE, LOST + SECOND)).may_appear_until == LOST + SECOND


def test_a_visit_that_gave_its_lease_back_leaves_no_doubt() -> None:
    """What it could not tell stands in its findings; nothing else is in doubt."""
    registry = created("eastus")
    assert after_lost_visit(registry, SETTLING, NOW) == registry
    visited = begun(registry)
    findings = seen(visited, Presence.ABSENT)
    told = visits.Findings(1, findings.observed, findings.remaining, {}, {EAST: Doubt(Verb.CREATE, LOST)})
    ended = visits.end_visit(visited, told, NOW)

    assert ended is not None
    assert doubts(ended, EAST) == (LOST, None)
    assert {doubts(ended, resource.key) for resource in ended.resources if resource.key != EAST} == {(None, None)}
    assert after_lost_visit(ended, SETTLING, NOW) == ended


def test_a_visit_that_was_lost_may_have_started_what_its_request_wanted() -> None:
    """What is wanted may appear, and what is not may vanish, until the lease ends and everything has settled."""
    updated = lifecycle.update(succeeded("eastus", "westus"), spec("eastus"), acceptance(2))
    noted = after_lost_visit(begun(updated), SETTLING, LOST + SECOND)

    assert doubts(noted, EAST) == (LOST + SETTLING, None)
    assert doubts(noted, WEST) == (None, LOST + SETTLING)


def test_a_visit_that_was_lost_for_an_older_request_may_have_started_anything() -> None:
    """What the older request wanted is not known any more."""
    changed = lifecycle.update(begun(created("eastus", "westus")), spec("eastus"), acceptance(2))
    noted = after_lost_visit(changed, SETTLING, LOST)

    assert doubts(noted, EAST) == doubts(noted, WEST) == (LOST + SETTLING, LOST + SETTLING)


def test_a_lease_that_a_wrong_clock_has_written_is_over_now() -> None:
    """Nobody waits for the end of a lease that is taken for the work of a wrong clock."""
    noted = after_lost_visit(begun(created("eastus")), SETTLING, NOW - timedelta(hours=1))

    assert doubts(noted, EAST) == (NOW - timedelta(hours=1) + SETTLING, None)


def test_another_name_is_not_in_doubt() -> None:
    """What may appear or vanish has the old name, and belongs to somebody else."""
    (renamed,) = rename([doubted(APPEARING, Doubt(Verb.DELETE, LOST))], [EAST], "identity")

    assert (renamed.may_appear_until, renamed.may_vanish_until) == (None, None)
