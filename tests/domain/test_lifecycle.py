"""How a registry moves from state to state."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry_api.domain import lifecycle, visits
from registry_api.domain.caller import Caller
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.operation import DEADLINE, OperationStatus
from registry_api.domain.placement import Placement
from registry_api.domain.plan import Action, Observation, Presence, Verb, plan
from registry_api.domain.problems import Code
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.registry import LEASE, READY, Registry, Visit
from registry_api.domain.resources import Failure, FailureKind, Kind, ResourceKey, ResourceState
from registry_api.domain.scope import Scope
from registry_api.domain.settling import Doubt, settled
from registry_api.domain.spec import RegistrySpec, ReplicationLocation, StorageConfig
from registry_api.domain.visits import Findings
from tests.domain.registries import region_states

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CALLER = Caller(tenant="tenant", name="ada")
SCOPE = Scope(subscription_id="sub", resource_group="group")


def spec(*regions: str) -> RegistrySpec:
    """Return a spec with these regions, the first one primary."""
    return RegistrySpec(
        name="Demo1",
        location=regions[0],
        replication_locations=tuple(ReplicationLocation(location=region) for region in regions),
    )


def acceptance(number: int, now: datetime = NOW, caller: Caller = CALLER) -> Acceptance:
    """Return the acceptance of the n-th request."""
    return Acceptance(caller, now, f"demo1.{number}", Visit(token=f"visit {number}", due=now))


def created(*regions: str) -> Registry:
    """Return a registry that was just accepted."""
    return lifecycle.create(spec(*regions), SCOPE, acceptance(1))


def begun(registry: Registry) -> Registry:
    """Return the registry as a worker's visit begins."""
    return visits.begin_visit(registry, Visit(token="next", due=NOW, number=1), NOW)


def findings(registry: Registry, presence: Presence, **more: Any) -> Findings:
    """Return the findings of a visit that sees every resource alike."""
    observed = {resource.key: Observation(presence) for resource in registry.resources}
    return Findings(registry.serial, observed, plan(registry.resources, registry.wanted, observed), **more)


def ended(registry: Registry, presence: Presence, now: datetime = NOW, **more: Any) -> Registry:
    """Return a registry that is still there after a visit that sees every resource alike."""
    after = visits.end_visit(registry, findings(registry, presence, **more), now)
    assert after is not None
    return after


def succeeded(*regions: str) -> Registry:
    """Return a registry that has become true."""
    return ended(begun(created(*regions)), Presence.READY)


def test_a_new_registry_is_accepted_with_all_its_names() -> None:
    """Every resource has its name before anybody could use it, and nothing is claimed to be true."""
    registry = created("eastus", "westus")

    assert (registry.state, registry.generation, registry.observed_generation) == ("Accepted", 1, 0)
    assert all(resource.name for resource in registry.resources)
    assert set(region_states(registry).values()) == {ResourceState.PENDING}
    assert [step.location for step in registry.operation.steps] == ["eastus", "westus"]
    assert registry.operation.status is OperationStatus.NOT_STARTED


def test_a_visit_takes_the_lease_and_starts_the_operation() -> None:
    """The epoch grows with every visit, and the state says what is going on."""
    registry = begun(created("eastus"))

    assert (registry.state, registry.operation.status) == ("Creating", "Running")
    assert registry.lease.epoch == 1
    assert registry.lease.is_held(NOW + LEASE - timedelta(seconds=1))
    assert not registry.lease.is_held(NOW + LEASE)
    assert begun(registry).lease.epoch == 2


def test_nothing_left_to_do_is_success() -> None:
    """When the plan is empty the registry and its operation have succeeded for this generation."""
    registry = succeeded("eastus", "westus")

    assert (registry.state, registry.observed_generation) == ("Succeeded", 1)
    assert (registry.operation.status, registry.operation.percent_complete) == ("Succeeded", 100)
    assert registry.operation.end_time == NOW
    assert (registry.conditions[0].type, registry.conditions[0].status) == ("Ready", "True")
    assert registry.lease.expires is None


def test_progress_is_told_by_region() -> None:
    """While resources are being made, the operation runs and its percentage stays below 100."""
    registry = ended(begun(created("eastus", "westus")), Presence.CHANGING)

    assert registry.state is ProvisioningState.CREATING
    assert registry.operation.percent_complete == 0
    assert {step.state for step in registry.operation.steps} == {ResourceState.PROVISIONING}
    assert registry.conditions[0].status == "False"


def test_a_final_failure_ends_the_operation_when_the_others_are_done() -> None:
    """A region that cannot be made does not hold back the others; its cause is the operation's."""
    registry = begun(created("eastus", "westus"))
    blocked = Failure(code="RequestDisallowedByPolicy", message="No westus.", kind=FailureKind.BLOCKED)
    bad = {resource.key for resource in registry.resources if resource.region == "westus"}
    observed = {
        resource.key: Observation(Presence.ABSENT if resource.key in bad else Presence.READY)
        for resource in registry.resources
    }
    remaining = plan(registry.resources, registry.wanted, observed)

    waiting = visits.end_visit(
        registry,
        Findings(1, observed, (*remaining, Action(Verb.WAIT, registry.resources[0])), dict.fromkeys(bad, blocked)),
        NOW,
    )
    failed = visits.end_visit(registry, Findings(1, observed, remaining, dict.fromkeys(bad, blocked)), NOW)

    assert waiting is not None
    assert waiting.state is ProvisioningState.CREATING
    assert failed is not None
    assert failed.state is ProvisioningState.FAILED
    assert failed.operation.error == blocked
    assert region_states(failed) == {"eastus": ResourceState.READY, "westus": ResourceState.FAILED}
    assert failed.observed_generation == 0


def test_a_passing_failure_is_shown_and_tried_again() -> None:
    """A failure that may pass leaves the operation running, with the region's message."""
    registry = begun(created("eastus"))
    key = registry.resources[0].key
    failure = Failure(code="RegionUnavailable", message="eastus does not answer.")

    after = ended(registry, Presence.CHANGING, failures={key: failure})

    assert after.state is ProvisioningState.CREATING
    assert after.operation.steps[0].message == "eastus does not answer."


def test_an_operation_that_takes_too_long_fails_with_the_last_cause() -> None:
    """Every operation ends: after the deadline it has failed, and says what the last problem was."""
    registry = begun(created("eastus"))
    failure = Failure(code="RegionUnavailable", message="eastus does not answer.")
    waiting = ended(registry, Presence.CHANGING, failures={registry.resources[0].key: failure})

    after = lifecycle.time_out(waiting, NOW + DEADLINE)

    assert not waiting.operation.is_overdue(NOW + DEADLINE - timedelta(seconds=1))
    assert waiting.operation.is_overdue(NOW + DEADLINE)
    assert not after.operation.is_overdue(NOW + 2 * DEADLINE)
    assert after.operation.error is not None
    assert after.operation.error.code == Code.OPERATION_TIMED_OUT
    assert "eastus does not answer." in after.operation.error.message


def test_an_update_keeps_names_and_counts_generations() -> None:
    """An update is a new generation with its own operation; what was true stays told until it is overtaken."""
    before = succeeded("eastus", "westus")
    after = lifecycle.update(before, spec("eastus", "eastus2"), acceptance(2, caller=Caller(tenant="t", name="eve")))

    assert (after.state, after.generation, after.observed_generation) == ("Accepted", 2, 1)
    assert region_states(after) == {
        "eastus": ResourceState.READY,
        "eastus2": ResourceState.PENDING,
        "westus": ResourceState.REMOVING,
    }
    assert (after.system_data.created_by, after.system_data.last_modified_by) == ("ada", "eve")
    assert begun(after).state is ProvisioningState.UPDATING


def test_a_removed_region_disappears_when_it_is_gone() -> None:
    """Once the cloud has nothing left in a region, the registry forgets it, and the operation remembers."""
    registry = begun(lifecycle.update(succeeded("eastus", "westus"), spec("eastus"), acceptance(2)))
    observed = {
        resource.key: Observation(Presence.ABSENT if resource.region == "westus" else Presence.READY)
        for resource in registry.resources
    }

    after = visits.end_visit(registry, Findings(2, observed, ()), NOW)

    assert after is not None
    assert after.state is ProvisioningState.SUCCEEDED
    assert list(after.regions) == ["eastus"]
    assert [(step.location, step.state) for step in after.operation.steps] == [("eastus", "Ready"), ("westus", None)]


def test_a_deleted_registry_is_gone_when_the_cloud_is_empty() -> None:
    """A deletion ends without a registry, and its operation has succeeded."""
    registry = begun(lifecycle.delete(succeeded("eastus"), acceptance(2)))

    assert registry.state is ProvisioningState.DELETING
    assert registry.wanted == {}
    assert ended(registry, Presence.READY).state is ProvisioningState.DELETING
    assert visits.end_visit(registry, findings(registry, Presence.ABSENT), NOW) is None
    assert lifecycle.gone(registry.operation, NOW).status is OperationStatus.SUCCEEDED


def test_what_is_being_deleted_is_not_ready() -> None:
    """From the request on, also from one to go on with a deletion that has failed."""
    registry = lifecycle.delete(succeeded("eastus"), acceptance(2))
    failed = lifecycle.fail(registry, Failure(code="ScopeLocked", message="Locked."), NOW)

    for leaving in (registry, lifecycle.retry(failed, acceptance(3))):
        ready = leaving.condition(READY)
        assert ready is not None
        assert (ready.status, ready.reason) == ("False", "Deleting")


def test_findings_of_an_older_generation_conclude_nothing() -> None:
    """A visit that ends after a newer request was accepted updates what is seen, but not the state."""
    registry = begun(created("eastus"))
    overtaken = lifecycle.update(registry, spec("eastus", "westus"), acceptance(2))

    after = visits.end_visit(overtaken, findings(registry, Presence.READY), NOW)

    assert after is not None
    assert (after.state, after.observed_generation) == (ProvisioningState.ACCEPTED, 0)
    assert region_states(after) == {"eastus": ResourceState.READY, "westus": ResourceState.PENDING}
    assert after.operation.id == "demo1.2"


def test_a_superseded_operation_says_by_which() -> None:
    """An operation that a newer request overtakes ends, and names its successor."""
    old, new = created("eastus").operation, acceptance(2).operation(created("eastus").operation.kind, "Demo1", SCOPE, 2)

    end = lifecycle.superseded(old, new)

    assert end.status is OperationStatus.CANCELED
    assert end.error is not None
    assert end.error.code == Code.SUPERSEDED_BY_NEWER_REQUEST
    assert "demo1.2" in end.error.message


def test_the_etag_follows_the_spec_alone() -> None:
    """The public entity tag stays while the state changes and changes when the spec does."""
    registry = created("eastus")
    other = lifecycle.update(registry, spec("eastus", "westus"), acceptance(2))

    assert begun(registry).etag == succeeded("eastus").etag == registry.etag
    assert other.etag != registry.etag
    assert lifecycle.update(other, spec("eastus"), acceptance(3)).etag == registry.etag


def test_a_recreated_registry_has_another_etag_and_other_names() -> None:
    """A registry that was deleted and made again is another one, whatever its spec."""
    again = lifecycle.create(spec("eastus"), SCOPE, acceptance(2))

    assert again.etag != created("eastus").etag
    assert {resource.name for resource in again.resources}.isdisjoint(
        resource.name for resource in created("eastus").resources
    )


@pytest.mark.parametrize(("number", "seconds"), [(0, 2), (1, 2), (2, 5), (5, 30), (500, 30)])
def test_visits_grow_rarer(number: int, seconds: int) -> None:
    """The longer a change takes, the rarer the visits, up to one in half a minute; the later ones are spread."""
    registry = created("eastus")
    registry = registry.model_copy(update={"visit": registry.visit.model_copy(update={"number": number})})
    delays = {
        (visits.following_visit(registry, f"{token}", NOW).due - NOW) / timedelta(seconds=1) for token in range(99)
    }

    assert seconds <= min(delays) <= max(delays) < 1.25 * seconds
    assert len(delays) == (1 if number < 2 else 99)


def test_the_condition_remembers_since_when() -> None:
    """The transition time of a condition changes with its status, not with every visit."""
    first = ended(begun(created("eastus")), Presence.CHANGING, NOW)
    second = ended(begun(first), Presence.CHANGING, NOW + timedelta(minutes=1))
    third = ended(begun(second), Presence.READY, NOW + timedelta(minutes=2))

    assert second.conditions[0].last_transition_time == NOW
    assert third.conditions[0].last_transition_time == NOW + timedelta(minutes=2)


def test_a_key_without_observation_is_left_as_it_is() -> None:
    """A resource that a newer request added while a visit was going on keeps its state."""
    registry = begun(created("eastus", "westus"))
    only: dict[ResourceKey, Observation] = {registry.resources[0].key: Observation(Presence.READY)}

    after = visits.end_visit(registry, Findings(0, only, ()), NOW)

    assert after is not None
    assert [resource.state for resource in after.resources].count(ResourceState.PENDING) == 3


def test_a_change_that_alters_no_resource_joins_what_is_under_way() -> None:
    """The spec is new, with its generation and who wrote it; what is under way goes on as it was, up to that spec."""
    eve = Caller(tenant="tenant", name="eve")
    for before in (created("eastus", "westus"), begun(created("eastus", "westus")), _removing(), _repairing()):
        words = before.spec.model_copy(update={"tags": {"team": "ml"}, "deletion_protection": True})
        after = lifecycle.update(before, words, acceptance(7, NOW + timedelta(minutes=59), eve))

        generation = before.generation + 1
        assert after == before.model_copy(
            update={
                "spec": words,
                "generation": generation,
                "system_data": after.system_data,
                "operation": before.operation.model_copy(update={"generation": generation}),
            }
        )
        assert (after.system_data.last_modified_by, after.system_data.created_by) == ("eve", "ada")
        assert ended(after, Presence.READY).observed_generation in {before.observed_generation, generation}


def test_other_changes_begin_an_operation_of_their_own() -> None:
    """So do those that alter a resource, that meet nothing under way, and all of what is one document in the cloud."""
    words = {"description": "new"}
    running, canceled = begun(created("eastus")), lifecycle.cancel(begun(created("eastus")), CALLER, NOW)
    delegated = running.model_copy(update={"placement": Placement(subscription_id="s", delegated=True)})
    for before, other in (
        (running, spec("eastus", "westus")),
        (running, running.spec.model_copy(update={"public_network_access": "disabled"})),
        (running, _with_accounts(running.spec, 2)),
        (canceled, running.spec.model_copy(update=words)),
        (succeeded("eastus"), running.spec.model_copy(update=words)),
        (delegated, running.spec.model_copy(update=words)),
    ):
        after = lifecycle.update(before, other, acceptance(2))
        assert (after.operation.id, after.serial, after.visit.token) == ("demo1.2", before.serial + 1, "visit 2")
    overdue = lifecycle.update(running, running.spec.model_copy(update=words), acceptance(2, NOW + timedelta(hours=1)))
    assert overdue.operation.id == "demo1.2"  # the older one can only fail


def test_what_may_be_reached_is_seen_to_when_that_changes() -> None:
    """Accounts and container registry, or what is delegated as a whole; and again after what a call may yet undo."""
    before = succeeded("eastus", "westus")
    account = next(one for one in before.resources if one.kind is Kind.STORAGE_ACCOUNT)
    soon = NOW + timedelta(minutes=1)
    doubtful = [
        one.model_copy(update={"may_appear_until": soon}) if one == account else one for one in before.resources
    ]
    before = before.model_copy(update={"resources": tuple(doubtful)})
    closed = before.spec.model_copy(update={"public_network_access": "disabled"})
    after = lifecycle.update(before, closed, acceptance(2))

    assert {one.kind for one in after.resources if one.state is ResourceState.PENDING} == {
        Kind.STORAGE_ACCOUNT,
        Kind.CONTAINER_REGISTRY,
    }
    noted = {one.key: one.may_vanish_until for one in after.resources}
    assert {key: until for key, until in noted.items() if until} == {account.key: soon}
    (seen_to,) = (one for one in after.resources if one.key == account.key)
    ready = Observation(Presence.READY)
    assert settled(seen_to, ready, NOW, is_wanted=True).presence is Presence.CHANGING
    assert settled(seen_to, ready, soon + LEASE, is_wanted=True) == ready

    whole = Placement(subscription_id="s", resource_group="g", delegated=True)
    delegated = lifecycle.create(spec("eastus"), SCOPE, acceptance(1)._replace(placement=whole))
    everything = tuple(one.model_copy(update={"state": ResourceState.READY}) for one in delegated.resources)
    delegated = delegated.model_copy(update={"resources": everything})
    after = lifecycle.update(
        delegated, delegated.spec.model_copy(update={"public_network_access": "disabled"}), acceptance(2)
    )
    assert [one.kind for one in after.resources if one.state is ResourceState.PENDING] == [Kind.ML_REGISTRY]


def test_a_call_of_an_older_request_may_undo_what_a_newer_one_wants() -> None:
    """Whether it was to make or to change something: until it is over, what is seen is not for certain."""
    doubt = Doubt(Verb.REPAIR, NOW + timedelta(minutes=1))
    before = begun(lifecycle.retry(succeeded("eastus"), acceptance(2)))
    key = before.resources[0].key
    found = findings(before, Presence.READY, doubts={key: doubt})
    for newer, expected in (
        (before, None),
        (lifecycle.update(before, spec("eastus", "westus"), acceptance(3)), doubt.until),
    ):
        after = visits.end_visit(newer, found, NOW)
        assert after is not None
        (resource,) = (one for one in after.resources if one.key == key)
        assert (resource.may_appear_until, resource.may_vanish_until) == (doubt.until, expected)


def test_the_end_of_a_visit_speaks_for_what_has_joined() -> None:
    """A visit that began before a change joined concludes for it, be it well or badly: no resource is another one."""
    before = begun(created("eastus"))
    after = lifecycle.update(before, before.spec.model_copy(update={"description": "new"}), acceptance(2))
    well = visits.end_visit(after, findings(before, Presence.READY), NOW)
    assert well is not None
    assert (well.state, well.observed_generation, well.operation.generation) == ("Succeeded", 2, 2)

    locked = Failure(code="ScopeLocked", message="Locked.", kind=FailureKind.BLOCKED)
    failures = dict.fromkeys((resource.key for resource in before.resources), locked)
    badly = visits.end_visit(after, findings(before, Presence.ABSENT, failures=failures), NOW)
    assert badly is not None
    assert (badly.state, badly.operation.error) == ("Failed", locked)


def _removing() -> Registry:
    """Return a registry that is about to lose a region."""
    return begun(lifecycle.update(succeeded("eastus", "westus"), spec("eastus"), acceptance(2)))


def _repairing() -> Registry:
    """Return a registry that is looked at again."""
    return begun(lifecycle.retry(succeeded("eastus"), acceptance(2)))


def _with_accounts(before: RegistrySpec, count: int) -> RegistrySpec:
    """Return a spec with so many storage accounts in each region."""
    config = StorageConfig(replication_count=count)
    regions = tuple(region.model_copy(update={"storage_config": config}) for region in before.replication_locations)
    return before.model_copy(update={"replication_locations": regions})


def test_a_placement_is_chosen_once() -> None:
    """The resources of a registry are where the request that created it says, whatever later ones say."""
    placed, own_group = Placement(subscription_id="s"), ResourceKey(Kind.RESOURCE_GROUP, "eastus")
    created = lifecycle.create(spec("eastus"), SCOPE, acceptance(1)._replace(placement=placed))
    added = lifecycle.update(created, spec("eastus", "westus"), acceptance(2))
    renamed = lifecycle.update(
        created, created.spec.model_copy(update={"description": "new"}), acceptance(3, NOW + timedelta(seconds=1))
    )
    again = lifecycle.retry(lifecycle.cancel(added, CALLER, NOW), acceptance(4))

    for registry in (created, added, renamed, again):
        assert registry.placement == placed
        assert own_group in {resource.key for resource in registry.resources}
        assert {resource.key for resource in registry.resources} == registry.wanted.keys()
    assert (renamed.operation.id, renamed.generation) == (created.operation.id, 2)
    assert (again.deleting, again.condition(READY)) == (False, lifecycle.cancel(added, CALLER, NOW).condition(READY))


def test_a_deletion_is_told_as_such() -> None:
    """The summary of what is on its way out says so, with the time of the request."""
    ready = lifecycle.delete(lifecycle.create(spec("eastus"), SCOPE, acceptance(1)), acceptance(2)).condition(READY)
    assert ready is not None
    assert (ready.status, ready.reason, ready.message) == ("False", "Deleting", "The registry is being deleted.")
    assert ready.last_transition_time == NOW
