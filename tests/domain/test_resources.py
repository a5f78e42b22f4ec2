"""What a registry owns: names, order and states of its resources, and how they are told."""

from collections.abc import Sequence

import pytest

from registry_api.domain import resources
from registry_api.domain.plan import Observation, Presence, last_seen
from registry_api.domain.registry import READY, Registry
from registry_api.domain.resources import Failure, Kind, Resource, ResourceKey, ResourceState, name_of, rename
from registry_api.domain.spec import RegistrySpec, ReplicationLocation, StorageConfig
from registry_api.domain.status import last_good, with_condition, with_steps
from tests.domain.registries import NOW, begun, created, succeeded

EAST, WEST = ResourceKey(Kind.STORAGE_ACCOUNT, "eastus"), ResourceKey(Kind.STORAGE_ACCOUNT, "westus")
HOME, REPLICA = ResourceKey(Kind.CONTAINER_REGISTRY, "eastus"), ResourceKey(Kind.REPLICA, "westus")
PENDING, PROVISIONING, IS_READY, REMOVING, FAILED = ResourceState


def test_names_are_derived_in_one_way() -> None:
    """Whoever changes it knows. What is there keeps its name, which is stored before it is used."""
    assert name_of("tenant|demo1.1", EAST) == "mlr59n58bcv2tn59w8bdz33x"
    assert name_of("tenant|demo1.1", EAST, 1) == "mlr6q2qkxbw9spznnrgrpc16"
    assert len({name_of("i", ResourceKey(Kind.STORAGE_ACCOUNT, "eastus", ordinal)) for ordinal in range(10)}) == 10


def test_a_spec_asks_for_accounts_a_home_and_replicas() -> None:
    """Every region has its accounts with its options, the first one the container registry, the others replicas."""
    two = StorageConfig(replication_count=2)
    spec = RegistrySpec(
        name="Demo1",
        location="eastus",
        replication_locations=(
            ReplicationLocation(location="eastus", storage_config=two),
            ReplicationLocation(location="westus"),
        ),
    )

    assert resources.wanted(spec) == {
        EAST: two,
        ResourceKey(Kind.STORAGE_ACCOUNT, "eastus", 1): two,
        WEST: StorageConfig(),
        HOME: None,
        REPLICA: None,
    }
    made = resources.assign(spec, (), "id")
    assert [resource.key for resource in made] == [EAST, EAST._replace(ordinal=1), WEST, HOME, REPLICA]
    assert [resource.storage_config for resource in made] == [two, two, StorageConfig(), None, None]
    assert [resource.name for resource in made] == [
        name_of("id", key) for key in (EAST, EAST._replace(ordinal=1), WEST, HOME, HOME)
    ]


@pytest.mark.parametrize(
    ("name", "details", "expected"),
    [
        ("ours", {}, "ours"),
        ("ours", {"id": "/subscriptions/s/storageAccounts/another"}, "ours"),
        ("", {"id": "/subscriptions/s/storageAccounts/azures"}, "azures"),
        ("", {}, ""),
    ],
)
def test_a_name_is_ours_or_the_last_part_of_the_id(name: str, details: dict[str, str], expected: str) -> None:
    """Where the cloud names a resource, its id tells the name, and nothing does before there is one."""
    resource = Resource(kind=Kind.STORAGE_ACCOUNT, region="eastus", name=name, details=details)

    assert resource.known_name == expected


def test_another_request_forgets_failures() -> None:
    """What exists stays as it is, without the failures of an earlier request; what leaves is told as leaving."""
    failure = Failure(code="X", message="x")
    registry = succeeded("eastus", "westus")
    marked = [resource.model_copy(update={"failure": failure}) for resource in registry.resources]
    marked[0] = marked[0].model_copy(update={"state": FAILED})
    kept = resources.assign(created("eastus").spec, marked, "id")

    assert [resource.state for resource in kept] == [PENDING, REMOVING, IS_READY, REMOVING]
    assert {resource.failure for resource in kept} == {None}
    assert {resource.failure for resource in resources.dismiss(marked)} == {None}
    assert {resource.state for resource in resources.dismiss(marked)} == {REMOVING}


def test_only_what_is_taken_gets_another_name() -> None:
    """A replica is called like the container registry that it belongs to; nothing else changes."""
    before = created("eastus", "westus").resources
    account = {each.key: each for each in rename(before, [WEST], "id")}
    home = {each.key: each for each in rename(before, [HOME], "id")}
    again = {each.key: each for each in rename([*home.values()], [HOME], "id")}

    assert (account[WEST].name, account[WEST].attempt) == (name_of("id", WEST, 1), 1)
    assert [each for each in account.values() if each.key != WEST] == [each for each in before if each.key != WEST]
    assert [(home[key].name, home[key].attempt) for key in (HOME, REPLICA)] == [(name_of("id", HOME, 1), 1)] * 2
    assert [home[key] for key in (EAST, WEST)] == [each for each in before if each.key in {EAST, WEST}]
    assert again[HOME].name == again[REPLICA].name == name_of("id", HOME, 2)
    assert rename(before, [], "id") == before


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], REMOVING),
        ([IS_READY, IS_READY], IS_READY),
        ([PENDING], PENDING),
        ([PENDING, IS_READY], PROVISIONING),
        ([PENDING, PROVISIONING], PROVISIONING),
        ([PROVISIONING, IS_READY], PROVISIONING),
        ([REMOVING, PROVISIONING], REMOVING),
        ([FAILED, REMOVING, IS_READY], FAILED),
    ],
)
def test_a_region_is_as_its_neediest_resource(states: Sequence[ResourceState], expected: ResourceState) -> None:
    """The state that asks for most attention is the region's; some ready and some not is on its way.

    Where everything is removed, the registry is on its way out: that nothing is there is not ready.
    """
    assert (
        resources.state_of(Resource(kind=Kind.REPLICA, region="eastus", name="n", state=s) for s in states) is expected
    )


@pytest.mark.parametrize(("length", "expected"), [(300, "a" * 300), (301, "a" * 299 + "…")])
def test_a_failures_message_is_not_too_long(length: int, expected: str) -> None:
    """Hundreds of messages fit into a row."""
    assert Failure(code="X", message="a" * length).message == expected


@pytest.mark.parametrize(
    ("state", "details", "expected"),
    [
        (IS_READY, {}, Presence.READY),
        (REMOVING, {"id": "x"}, Presence.READY),
        (PENDING, {}, Presence.ABSENT),
        (PROVISIONING, {"id": "x"}, Presence.DIFFERENT),
        (FAILED, {}, Presence.ABSENT),
    ],
)
def test_what_was_last_seen_is_known(state: ResourceState, details: dict[str, str], expected: Presence) -> None:
    """A plan without a look takes what is stored: what had details is there, though perhaps not as it should be."""
    resource = Resource(kind=Kind.REPLICA, region="westus", name="n", state=state, details=details)

    assert last_seen([resource]) == {REPLICA: Observation(expected, details)}


def with_failures(registry: Registry, **messages: str) -> Registry:
    """Return a registry whose resources in some regions have failed."""
    return registry.model_copy(
        update={
            "resources": tuple(
                resource.model_copy(update={"failure": Failure(code="X", message=messages[resource.region])})
                if resource.region in messages
                else resource
                for resource in registry.resources
            )
        }
    )


def test_steps_tell_of_every_region() -> None:
    """Each region has its state and its failure; a region that was told of once is told of as gone."""
    before = succeeded("eastus", "japaneast", "westus")
    only = before.model_copy(
        update={
            "spec": created("eastus", "westus").spec,
            "resources": tuple(resource for resource in before.resources if resource.region == "eastus"),
        }
    )
    told = with_steps(with_failures(only, eastus="No answer.")).operation

    assert [(step.location, step.state, step.message) for step in told.steps] == [
        ("eastus", "Ready", "No answer."),
        ("westus", None, None),
        ("japaneast", None, None),
    ]
    assert told.percent_complete == 99
    assert with_steps(created("eastus")).operation.percent_complete == 0
    emptied = begun(created("eastus")).model_copy(update={"resources": ()})
    assert with_steps(emptied).operation.percent_complete == 99


def test_a_deletion_counts_what_is_gone() -> None:
    """What is still ready is no progress of a deletion; a region that is gone is."""
    registry = succeeded("eastus", "westus").model_copy(update={"deleting": True})
    half = registry.model_copy(
        update={"resources": tuple(resource for resource in registry.resources if resource.region == "eastus")}
    )
    account = tuple(resource for resource in registry.resources if resource.key == EAST)
    most = succeeded("eastus", "westus", "japaneast").model_copy(update={"deleting": True, "resources": account})

    assert with_steps(registry).operation.percent_complete == 0
    assert with_steps(half).operation.percent_complete == 33
    assert with_steps(most).operation.percent_complete == 66


def test_conditions_have_one_order() -> None:
    """The summary comes first, then the others by name; setting one leaves the others as they are."""
    registry = succeeded("eastus")
    for kind in ("Zeta", "Alpha", READY, "Beta"):
        registry = with_condition(registry, kind, "True", reason="Because", message=f"Of {kind}.", now=NOW)

    assert [condition.type for condition in registry.conditions] == ["Ready", "Alpha", "Beta", "Zeta"]
    assert [condition.message for condition in registry.conditions] == [
        "Of Ready.",
        "Of Alpha.",
        "Of Beta.",
        "Of Zeta.",
    ]


def test_the_last_good_generation_is_named() -> None:
    """A registry says which generation was reached, if any was."""
    assert last_good(created("eastus")) == "No generation has been reached yet."
    assert last_good(succeeded("eastus")) == "Generation 1 was the last that was reached."
