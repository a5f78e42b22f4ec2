"""What a visit makes of a registry, instruction by instruction."""

from datetime import timedelta

import pytest

from registry_api.domain import lifecycle, visits
from registry_api.domain.plan import Action, Observation, Presence, Verb
from registry_api.domain.registry import LEASE, Lease, Registry, Visit
from registry_api.domain.resources import Failure, FailureKind, Kind, ResourceKey, ResourceState, name_of
from registry_api.domain.visits import Findings, begin_visit, end_visit
from tests.domain.registries import ADA, NOW, acceptance, begun, created, region_states, seen, spec, succeeded

SECOND = timedelta(seconds=1)
EAST, WEST = ResourceKey(Kind.STORAGE_ACCOUNT, "eastus"), ResourceKey(Kind.STORAGE_ACCOUNT, "westus")
HOME, REPLICA = ResourceKey(Kind.CONTAINER_REGISTRY, "eastus"), ResourceKey(Kind.REPLICA, "westus")
PASSING = Failure(code="RegionUnavailable", message="No answer.")
LOCKED = Failure(code="ScopeLocked", message="Locked.", kind=FailureKind.BLOCKED)
TAKEN = Failure(code="NameTaken", message="Taken.", kind=FailureKind.NAME_TAKEN)


def numbered(number: int) -> Registry:
    """Return a registry that was visited so often."""
    registry = created("eastus")
    return registry.model_copy(update={"visit": registry.visit.model_copy(update={"number": number})})


def after(registry: Registry, findings: Findings) -> Registry:
    """Return what is left of a registry after a visit."""
    ended = end_visit(registry, findings, NOW)
    assert ended is not None
    return ended


def failed(registry: Registry, **failures: Failure) -> Registry:
    """Return a registry after a visit that misses the storage of regions only, and met a failure in each."""
    met = {ResourceKey(Kind.STORAGE_ACCOUNT, region): failure for region, failure in failures.items()}
    findings = seen(registry, Presence.READY, dict.fromkeys(met, Presence.ABSENT))
    return after(registry, Findings(findings.serial, findings.observed, findings.remaining, met))


@pytest.mark.parametrize(("number", "seconds"), [(0, 2), (1, 2), (2, 5), (3, 10), (4, 20), (5, 30), (6, 30)])
def test_the_next_visit_is_due_in_time(number: int, seconds: int) -> None:
    """Each visit is counted; the first two come exactly in time, the others at most a quarter later."""
    following = visits.following_visit(numbered(number), "token", NOW)

    spread = 1 if number < 2 else 1 + 0.25 * 0x5F37A13B / 2**32  # the token's checksum
    assert (following.token, following.number) == ("token", number + 1)
    assert following.due == NOW + timedelta(seconds=seconds) * spread


def test_after_a_lost_visit_the_next_ones_come_soon() -> None:
    """Who takes over when a lease has ended by itself has waited for long enough, and counts anew."""
    lost = begun(numbered(5))
    following = visits.following_visit(lost, "token", NOW + LEASE)

    assert (following.number, following.due) == (1, NOW + LEASE + 2 * SECOND)


def test_a_visit_is_forgotten_after_a_while() -> None:
    """A message that is late is waited for; then only who is on the way, and unattended, is forgotten."""
    registry = created("eastus")
    late = NOW + timedelta(seconds=20)

    assert not visits.is_forgotten(registry, late)
    assert visits.is_forgotten(registry, late + SECOND)
    assert visits.is_forgotten(begun(registry), NOW + LEASE)
    assert not visits.is_forgotten(begun(registry), NOW + LEASE - SECOND)
    assert not visits.is_forgotten(succeeded("eastus"), late + SECOND)


def test_a_reminder_is_for_the_same_visit() -> None:
    """The visit keeps its token and its number, and is due in a second; when it was due first is not forgotten."""
    registry = numbered(3)
    reminded = visits.remind(registry, NOW)
    again = visits.remind(reminded, NOW + SECOND)

    first_due = registry.visit.due
    assert reminded.visit == Visit(token="visit-1", due=NOW + SECOND, first_due=first_due, number=3)
    assert again.visit == Visit(token="visit-1", due=NOW + 2 * SECOND, first_due=first_due, number=3)
    assert reminded.model_copy(update={"visit": registry.visit}) == registry


def test_a_visit_begins_with_lease_and_announcement() -> None:
    """The lease is taken for half a minute, and the visit that follows is the one that was announced."""
    following = Visit(token="next", due=NOW + 2 * SECOND, number=1)
    making = begin_visit(created("eastus"), following, NOW)
    changing = begin_visit(
        lifecycle.update(succeeded("eastus"), spec("eastus", "westus"), acceptance(2)), following, NOW
    )

    assert making.visit == following
    assert making.lease == Lease(epoch=1, expires=NOW + timedelta(seconds=30))
    assert (making.leased_for, changing.leased_for) == (1, 2)
    assert (making.state, changing.state, begin_visit(making, following, NOW).state) == (
        "Creating",
        "Updating",
        "Creating",
    )
    assert making.operation.status == "Running"


def test_a_lease_is_renewed_by_its_holder() -> None:
    """The epoch stays, and the lease lasts for another half a minute."""
    registry = begun(begun(created("eastus")))

    assert visits.renew_lease(registry, NOW + 10 * SECOND).lease == Lease(epoch=2, expires=NOW + 40 * SECOND)


def test_what_was_found_is_written_down() -> None:
    """Every resource has its state and details; the lease is given back; what is left is told."""
    registry = begun(created("eastus", "westus"))
    findings = seen(
        registry, Presence.READY, {WEST: Presence.CHANGING, REPLICA: Presence.ABSENT, HOME: Presence.CHANGING}
    )
    ended = after(registry, findings)

    assert {resource.key: resource.state for resource in ended.resources} == {
        EAST: ResourceState.READY,
        WEST: ResourceState.PROVISIONING,
        HOME: ResourceState.PROVISIONING,
        REPLICA: ResourceState.PENDING,
    }
    assert [resource.details.get("id") for resource in ended.resources] == ["eastus", "westus", "eastus", None]
    assert ended.lease == Lease(epoch=1, expires=None)
    ready = ended.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason, ready.last_transition_time) == ("False", "Progressing", NOW)
    assert ready.message == (
        "waiting for StorageAccount in westus; waiting for ContainerRegistry in eastus; "
        "making ContainerRegistryReplica in westus"
    )


def test_details_are_kept_while_nothing_is_seen() -> None:
    """What was told of a resource stays until something else is told."""
    registry = begun(after(begun(created("eastus")), seen(created("eastus"), Presence.CHANGING)))
    findings = seen(registry, Presence.CHANGING)
    blank = {key: Observation(Presence.CHANGING) for key in findings.observed}
    ended = after(registry, Findings(findings.serial, blank, findings.remaining))

    assert {resource.details["id"] for resource in ended.resources} == {"eastus"}


def test_what_leaves_is_told_as_leaving() -> None:
    """A region that is no longer wanted is removed until it is gone, ready or not."""
    registry = begun(lifecycle.update(succeeded("eastus", "westus"), spec("eastus"), acceptance(2)))
    ended = after(registry, seen(registry, Presence.READY, {REPLICA: Presence.ABSENT}))

    assert {resource.key: resource.state for resource in ended.resources} == {
        EAST: ResourceState.READY,
        HOME: ResourceState.READY,
        WEST: ResourceState.REMOVING,
    }


def test_a_failure_that_passes_is_no_end() -> None:
    """The region is still being made, and says what happened."""
    ended = failed(begun(created("eastus")), eastus=PASSING)

    assert (ended.state, region_states(ended)) == ("Creating", {"eastus": ResourceState.PROVISIONING})
    assert ended.operation.steps[0].message == "No answer."
    assert ended.visit.due == NOW


def test_the_cloud_is_left_alone_for_as_long_as_it_asks() -> None:
    """The next visit comes when the first region may be asked again, within five minutes, and never earlier."""
    registry = begun(created("eastus", "westus"))

    def due_after(**seconds: int) -> timedelta:
        failures = {
            region: PASSING.model_copy(update={"retry_after": number * SECOND}) for region, number in seconds.items()
        }
        return failed(registry, **failures).visit.due - NOW

    assert due_after(eastus=90, westus=30) == 30 * SECOND
    assert due_after(eastus=3600) == timedelta(minutes=5)
    late = registry.model_copy(update={"visit": Visit(token="next", due=NOW + 60 * SECOND, number=4)})
    ended = failed(late, eastus=PASSING.model_copy(update={"retry_after": 30 * SECOND}), westus=PASSING)
    assert ended.visit == late.visit
    assert [resource.rests_until for resource in ended.resources[:2]] == [NOW + 30 * SECOND, None]
    rested = begun(failed(registry, eastus=PASSING.model_copy(update={"retry_after": 90 * SECOND})))
    assert failed(rested, westus=PASSING).visit.due == rested.visit.due


def test_whoever_asks_the_cloud_is_left_alone() -> None:
    """A newer request forgets a failure, but not for how long the cloud wants to be left alone."""
    throttled = failed(begun(created("eastus")), eastus=PASSING.model_copy(update={"retry_after": 90 * SECOND}))
    account = lifecycle.update(throttled, spec("eastus", "westus"), acceptance(2)).resources[0]

    assert (account.failure, account.rests_until) == (None, NOW + 90 * SECOND)
    assert account.is_resting(NOW + 89 * SECOND)
    assert not account.is_resting(NOW + 90 * SECOND)


def test_what_was_not_looked_at_stays_as_it_was() -> None:
    """A resource that rests is told as before, and its rest is not prolonged."""
    failure = PASSING.model_copy(update={"retry_after": 90 * SECOND})
    registry = begun(failed(begun(created("eastus", "westus")), eastus=failure))
    findings = seen(registry, Presence.READY, {EAST: Presence.CHANGING})
    observed = {key: observation for key, observation in findings.observed.items() if key != EAST}
    ended = after(registry, Findings(findings.serial, observed, findings.remaining))

    assert ended.resources[0] == registry.resources[0]
    assert ended.visit.due == NOW + 90 * SECOND


def test_a_broken_visit_is_noted_until_the_next_one() -> None:
    """The kind of error is told when the operation ends because of it; a visit that begins forgets it."""
    registry = visits.break_off(begun(created("eastus")), KeyError("secret"))

    for end in (lifecycle.time_out, lifecycle.give_up):
        error = end(registry, NOW).operation.error
        assert error is not None
        assert "broken off by KeyError inside of the service; the log has more." in error.message
        assert "secret" not in error.message
    assert begun(registry).visit.broken_by is None


def test_an_operation_remembers_what_it_met_last() -> None:
    """A problem that has passed when the time is over is still the best that there is to tell."""
    quiet = begun(created("eastus"))
    registry = begun(failed(quiet, eastus=PASSING))
    later = after(registry, seen(registry, Presence.CHANGING))
    error = lifecycle.time_out(later, NOW).operation.error

    assert [resource.failure for resource in later.resources] == [None, None]
    assert error is not None
    assert error.message.endswith(f"The last problem was {PASSING.code}: {PASSING.message}")
    assert lifecycle.update(later, spec("eastus", "westus"), acceptance(2)).operation.trouble is None
    silent = lifecycle.time_out(after(quiet, seen(quiet, Presence.CHANGING)), NOW).operation.error
    assert silent is not None
    assert silent.message.endswith("No problem was reported.")


def test_a_name_that_our_own_call_may_have_taken_is_kept() -> None:
    """While a call may yet make the resource, nobody else need have its name; after that, another one is chosen."""
    registry = begun(created("eastus"))
    storage, home = registry.resources
    until = NOW + timedelta(minutes=1)
    pending = registry.model_copy(update={"resources": (storage.model_copy(update={"may_appear_until": until}), home)})
    kept = failed(pending, eastus=TAKEN).resources[0]
    settled = pending.model_copy(
        update={"resources": (storage.model_copy(update={"may_appear_until": NOW - timedelta(minutes=1)}), home)}
    )

    assert (kept.name, kept.failure and kept.failure.kind) == (storage.name, FailureKind.TRANSIENT)
    assert failed(settled, eastus=TAKEN).resources[0].name == name_of("tenant|demo1.1", EAST, 1)


def test_a_taken_name_is_replaced_while_there_are_others() -> None:
    """Four times another name is chosen; the fifth that is taken is the end, and so is that of what is there."""
    registry = begun(created("eastus"))
    names = [registry.resources[0].name]
    for attempt in range(1, 5):
        registry = begun(failed(registry, eastus=TAKEN))
        names.append(registry.resources[0].name)
        assert names[-1] == name_of("tenant|demo1.1", EAST, attempt)
        assert registry.resources[0].attempt == attempt
    ended = failed(registry, eastus=TAKEN)
    replica = begun(created("eastus", "westus"))
    findings = seen(replica, Presence.READY, {REPLICA: Presence.ABSENT})
    ended_replica = after(replica, Findings(1, findings.observed, findings.remaining, {REPLICA: TAKEN}))

    assert len(set(names)) == 5
    for end in (ended, ended_replica):
        assert (end.state, end.operation.error) == (
            "Failed",
            TAKEN.model_copy(update={"kind": FailureKind.BLOCKED}),
        )


def test_what_is_there_never_takes_another_name() -> None:
    """A resource that was seen once and whose name is then somebody else's is not made a second time."""
    registry = begun(after(begun(created("eastus")), seen(created("eastus"), Presence.CHANGING)))
    ended = failed(registry, eastus=TAKEN)

    assert (ended.state, ended.resources[0].name) == ("Failed", registry.resources[0].name)


def test_what_the_cloud_names_is_not_named_by_us() -> None:
    """A resource without a name of ours does not get one because something of somebody else is in its way."""
    registry = begun(created("eastus"))
    nameless = [resource.model_copy(update={"name": ""}) for resource in registry.resources]
    ended = failed(registry.model_copy(update={"resources": tuple(nameless)}), eastus=TAKEN)

    assert (ended.state, {resource.name for resource in ended.resources}) == ("Failed", {""})


def test_an_operation_goes_on_while_anything_can_be_done() -> None:
    """It fails only when all that is left has failed for good, or waits for what has."""
    registry = begun(created("eastus", "westus"))
    findings = seen(registry, Presence.READY, {HOME: Presence.ABSENT, REPLICA: Presence.ABSENT})

    def state_with(failures: dict[ResourceKey, Failure], remaining: tuple[Action, ...]) -> str:
        return after(registry, Findings(1, findings.observed, remaining, failures)).state.value

    remaining = tuple(findings.remaining)
    assert state_with({HOME: LOCKED}, remaining) == "Failed"  # its replica waits for it
    assert state_with({HOME: PASSING}, remaining) == "Creating"
    assert state_with({}, remaining) == "Creating"
    assert state_with({HOME: LOCKED}, (*remaining, Action(Verb.WAIT, registry.resources[0]))) == "Creating"


def test_a_visit_that_was_overtaken_concludes_nothing() -> None:
    """What it saw is noted without failures, and the steps follow; an operation that has ended stays as it ended."""
    registry = begun(created("eastus", "westus"))
    overtaken = lifecycle.update(registry, spec("eastus", "westus", "eastus2"), acceptance(2))
    observed = {EAST: Observation(Presence.READY), WEST: Observation(Presence.ABSENT)}
    late = Findings(1, observed, (), {WEST: LOCKED})

    told = after(overtaken, late)
    assert (told.state, told.operation.id, told.lease.expires) == ("Accepted", "demo1.2", None)
    assert [(step.location, step.state, step.message) for step in told.operation.steps] == [
        ("eastus", "Provisioning", None),
        ("eastus2", "Pending", None),
        ("westus", "Provisioning", None),
    ]
    canceled = lifecycle.cancel(registry, ADA, NOW)
    assert after(canceled, late).operation == canceled.operation


def test_a_deletion_is_the_end_of_the_registry() -> None:
    """When nothing is left to remove, nothing is left at all."""
    registry = begun(lifecycle.delete(succeeded("eastus"), acceptance(2)))

    assert end_visit(registry, seen(registry, Presence.ABSENT), NOW) is None
    assert after(registry, seen(registry, Presence.READY)).state == "Deleting"


def test_a_summary_is_short() -> None:
    """Three things are told in words, and how many more there are."""
    resources = created("eastus", "westus").resources
    actions = [
        Action(verb, resource)
        for verb, resource in zip((Verb.CREATE, Verb.REPAIR, Verb.DELETE, Verb.WAIT), resources, strict=True)
    ]
    three = "making StorageAccount in eastus; mending StorageAccount in westus; removing ContainerRegistry in eastus"

    assert visits.summary(Findings(1, {}, actions)) == f"{three}; and 1 more"
    assert visits.summary(Findings(1, {}, actions[:3])) == three
    assert visits.summary(Findings(1, {}, actions[3:])) == "waiting for ContainerRegistryReplica in westus"


def test_a_rest_without_a_failure_puts_the_next_look_off() -> None:
    """A cloud that wants to be left alone about something which is not wrong is not asked about it before."""
    registry, rest = begun(created("eastus", "westus")), timedelta(seconds=25)
    ready = seen(registry, Presence.READY)
    (resting,) = (resource for resource in registry.resources if resource.key == REPLICA)
    observed = {**ready.observed, REPLICA: Observation(Presence.CHANGING, rest=rest)}
    ended = after(registry, Findings(registry.serial, observed, [Action(Verb.WAIT, resting)]))
    (kept,) = (resource for resource in ended.resources if resource.key == REPLICA)

    assert (kept.rests_until, kept.failure) == (NOW + rest, None)
    assert ended.visit.due == NOW + rest
