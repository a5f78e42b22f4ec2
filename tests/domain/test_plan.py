"""From what is wanted and what is seen to what is left to do."""

import pytest

from registry_api.domain.placement import Placement
from registry_api.domain.plan import Action, Observation, Presence, Verb, plan
from registry_api.domain.resources import Kind, Resource, ResourceKey, assign, name_of, rename, wanted
from registry_api.domain.spec import RegistrySpec, ReplicationLocation, StorageConfig

EAST_WEST = RegistrySpec(
    name="Demo1",
    location="eastus",
    replication_locations=(ReplicationLocation(location="eastus"), ReplicationLocation(location="westus")),
)
EAST = RegistrySpec(name="Demo1", location="eastus")
HOME = ResourceKey(Kind.CONTAINER_REGISTRY, "eastus")
REPLICA = ResourceKey(Kind.REPLICA, "westus")


def everything(presence: Presence, spec: RegistrySpec = EAST_WEST) -> dict[ResourceKey, Observation]:
    """Return the same observation for every resource of a spec."""
    return {key: Observation(presence) for key in wanted(spec)}


def plan_for(spec: RegistrySpec | None, observed: dict[ResourceKey, Observation]) -> dict[ResourceKey, Action]:
    """Plan for a registry that had two regions once."""
    actions = plan(assign(EAST_WEST, (), "id"), wanted(spec) if spec else {}, observed)
    return {action.resource.key: action for action in actions}


def test_everything_there_leaves_nothing_to_do() -> None:
    """A registry whose resources are all ready is converged."""
    assert plan_for(EAST_WEST, everything(Presence.READY)) == {}


def test_everything_absent_is_made() -> None:
    """Each missing resource is made; a replica only once its container registry is ready."""
    actions = plan_for(EAST_WEST, everything(Presence.ABSENT))

    assert {action.verb for action in actions.values()} == {Verb.CREATE}
    assert [key for key, action in actions.items() if not action.can_start] == [REPLICA]
    assert actions[REPLICA].blocked_by == HOME


def test_a_ready_container_registry_unblocks_its_replicas() -> None:
    """A replica can be made as soon as the container registry is there."""
    actions = plan_for(EAST_WEST, {**everything(Presence.ABSENT), HOME: Observation(Presence.READY)})

    assert actions[REPLICA].can_start


def test_what_changes_is_waited_for() -> None:
    """A resource that is being made or removed is left alone, but the registry is not converged."""
    actions = plan_for(EAST_WEST, everything(Presence.CHANGING))

    assert {action.verb for action in actions.values()} == {Verb.WAIT}
    assert not any(action.can_start for action in actions.values())


def test_what_differs_is_repaired() -> None:
    """A resource that is not as it should be is mended."""
    actions = plan_for(EAST_WEST, {**everything(Presence.READY), REPLICA: Observation(Presence.DIFFERENT)})

    assert [(key, action.verb) for key, action in actions.items()] == [(REPLICA, Verb.REPAIR)]


def test_a_region_that_left_is_removed() -> None:
    """Everything in a region that is no longer wanted is deleted, and nothing else is touched."""
    actions = plan_for(EAST, everything(Presence.READY))

    assert {key.region for key in actions} == {"westus"}
    assert {action.verb for action in actions.values()} == {Verb.DELETE}


def test_a_container_registry_outlives_its_replicas() -> None:
    """When a registry goes, its replicas go first and what is gone needs nothing more."""
    assert plan_for(None, everything(Presence.READY))[HOME].blocked_by == REPLICA
    without_replica = plan_for(None, {**everything(Presence.READY), REPLICA: Observation(Presence.ABSENT)})
    assert without_replica[HOME].can_start
    assert plan_for(None, everything(Presence.ABSENT)) == {}


def test_names_are_valid_everywhere_and_stay() -> None:
    """A resource's name fits storage accounts and container registries, and later specs do not change it."""
    first = assign(EAST, (), "id")
    later = {resource.key: resource for resource in assign(EAST_WEST, first, "another id")}

    assert all(later[resource.key].name == resource.name for resource in first)
    assert all(len(resource.name) == 24 and resource.name.isalnum() for resource in later.values())
    assert later[REPLICA].name == later[HOME].name == name_of("id", HOME)


def test_a_new_replica_is_one_of_the_registry_that_there_is() -> None:
    """A container registry whose first name was taken has another one, and so has each replica that comes later."""
    renamed = rename(assign(EAST, (), "id"), [HOME], "id")
    later = {resource.key: resource for resource in assign(EAST_WEST, renamed, "id")}

    assert (later[REPLICA].name, later[REPLICA].attempt) == (name_of("id", HOME, 1), 1)


def test_names_differ() -> None:
    """No two accounts of one registry, and no two registries, share a name."""
    spec = EAST.model_copy(
        update={
            "replication_locations": (
                ReplicationLocation(location="eastus", storage_config=StorageConfig(replication_count=3)),
            )
        }
    )
    names = [resource.name for identity in ("one", "two") for resource in assign(spec, (), identity)]

    assert len(set(names)) == len(names) == 8


def test_a_region_that_comes_back_before_it_is_gone_keeps_its_names() -> None:
    """Adding a region again while it is being removed does not make its resources twice."""
    both = assign(EAST_WEST, (), "id")
    leaving = assign(EAST, both, "id")
    back: tuple[Resource, ...] = assign(EAST_WEST, leaving, "id")

    assert [resource.name for resource in back] == [resource.name for resource in both]
    assert {resource.state for resource in leaving if resource.region == "westus"} == {"Removing"}
    assert {resource.state for resource in back} == {"Pending"}


def test_a_group_comes_first_and_goes_last() -> None:
    """Where a registry has a group of its own, nothing is made before it, and it goes when nothing else is left."""
    owned = Placement(subscription_id="sub")
    resources, group = assign(EAST_WEST, (), "id", owned), ResourceKey(Kind.RESOURCE_GROUP, "eastus")
    absent = {resource.key: Observation(Presence.ABSENT) for resource in resources}
    ready = {resource.key: Observation(Presence.READY) for resource in resources}

    first = {action.resource.key: action for action in plan(resources, wanted(EAST_WEST, owned), absent)}
    assert [key for key, action in first.items() if action.can_start] == [group]
    assert {action.blocked_by for key, action in first.items() if key != group} == {group}

    last = {action.resource.key: action for action in plan(resources, {}, ready)}
    assert last[group].blocked_by == REPLICA
    alone = absent | {group: Observation(Presence.READY)}
    assert [action.resource.key for action in plan(resources, {}, alone) if action.can_start] == [group]


def test_a_shared_group_is_no_resource_of_a_registry() -> None:
    """A group that is there already is neither made nor removed."""
    shared = Placement(subscription_id="sub", resource_group="shared")

    assert wanted(EAST_WEST, shared) == wanted(EAST_WEST)
    assert assign(EAST_WEST, (), "id", shared) == assign(EAST_WEST, (), "id")


DELEGATED = Placement(subscription_id="sub", resource_group="shared", delegated=True)
WHOLE = ResourceKey(Kind.ML_REGISTRY, "eastus")


def test_a_delegated_registry_is_one_resource_with_parts() -> None:
    """Only the whole is named, by the registry's own name; its parts get their names from the cloud."""
    resources = assign(EAST_WEST, (), "id", DELEGATED)

    assert [resource.key for resource in resources] == [WHOLE, *wanted(EAST_WEST)]
    assert {resource.key: resource.name for resource in resources} == {WHOLE: "Demo1"} | dict.fromkeys(
        wanted(EAST_WEST), ""
    )
    assert assign(EAST_WEST, assign(EAST, (), "id", DELEGATED), "id", DELEGATED) == resources


@pytest.mark.parametrize(
    ("is_kept", "presence", "verb"),
    [
        (True, Presence.ABSENT, Verb.CREATE),
        (True, Presence.DIFFERENT, Verb.REPAIR),
        (False, Presence.READY, Verb.DELETE),
        (False, Presence.DIFFERENT, Verb.DELETE),
    ],
)
def test_parts_are_waited_for(is_kept: bool, presence: Presence, verb: Verb) -> None:  # noqa: FBT001 - a parameter of the test
    """Only the whole is acted upon, at once; whatever is to happen to its parts waits for it."""
    resources = assign(EAST_WEST, (), "id", DELEGATED)
    observed = {resource.key: Observation(presence) for resource in resources}
    whole, *parts = plan(resources, wanted(EAST_WEST, DELEGATED) if is_kept else {}, observed)

    assert whole == Action(verb, resources[0])
    assert parts == [Action(Verb.WAIT, part, WHOLE) for part in resources[1:]]


def test_parts_that_change_wait_for_themselves() -> None:
    """A part that is on its way is no longer blocked, and one that is as it should be needs nothing."""
    resources = assign(EAST_WEST, (), "id", DELEGATED)
    observed = {resource.key: Observation(Presence.READY) for resource in resources}
    observed[REPLICA] = Observation(Presence.CHANGING)

    assert plan(resources, wanted(EAST_WEST, DELEGATED), observed) == (Action(Verb.WAIT, resources[-1]),)
