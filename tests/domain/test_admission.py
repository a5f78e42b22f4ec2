"""What is stored against what is asked for: every reason at once, where the document has it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from registry_api.domain import lifecycle
from registry_api.domain.admission import admit_absence, admit_change, admit_creation, admit_delete
from registry_api.domain.caller import Caller
from registry_api.domain.changes import Change, changes
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.problems import Problem, Refusal
from registry_api.domain.registry import Registry, Visit
from registry_api.domain.scope import Scope
from registry_api.domain.validation import examine

NOW = datetime(2026, 11, 2, tzinfo=UTC)
ACCEPTANCE = Acceptance(Caller(tenant="t1", name="ada"), NOW, "demo1.1", Visit(token="v1", due=NOW))
HNS = {"storage_account_hns": True}
BASE = {"name": "Demo1", "location": "eastus"}
IMMUTABLE = "StorageConfigImmutable"


def stored() -> Registry:
    """Return a registry in eastus, with a hierarchical namespace there, and westus."""
    regions = [{"location": "eastus", "storage_config": HNS}, {"location": "westus"}]
    spec = examine({"name": "Demo1", "location": "eastus", "replication_locations": regions}).spec
    return lifecycle.create(spec, Scope(subscription_id="s1", resource_group="rg1"), ACCEPTANCE)


def refused(**fields: Any) -> Sequence[tuple[str, str | None]]:
    """Return code and target of everything that speaks against a document."""
    with pytest.raises(Refusal) as caught:
        admit_change(stored(), examine(fields, "Demo1"))
    return [(problem.code.value, problem.target) for problem in caught.value.problems]


EAST, WEST = {"location": "eastus", "storage_config": HNS}, {"location": "westus"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"location": "eastus"}, [(IMMUTABLE, "replication_locations")]),
        ({"location": "eastus", "foo": 1}, [("UnknownField", "foo"), (IMMUTABLE, "replication_locations")]),
        (
            {"location": "eastus", "replication_locations": None, "foo": 1},
            [("UnknownField", "foo"), (IMMUTABLE, "replication_locations")],
        ),
        (
            {"replication_locations": [WEST]},
            [("MissingField", "location"), ("PrimaryLocationImmutable", "replication_locations")],
        ),
        (
            {"location": "eastsu", "replication_locations": [WEST]},
            [("UnknownLocation", "location"), ("PrimaryLocationImmutable", "replication_locations")],
        ),
        (
            {"location": "eastus", "replication_locations": [EAST, {"location": "eastus"}]},
            [
                ("DuplicateLocation", "replication_locations[1].location"),
                (IMMUTABLE, "replication_locations[1].storage_config"),
            ],
        ),
        (
            {"location": "eastus", "replication_locations": [{"location": "eastus"}, EAST]},
            [
                ("DuplicateLocation", "replication_locations[1].location"),
                (IMMUTABLE, "replication_locations[0].storage_config"),
            ],
        ),
        (
            {"location": "eastus", "replication_locations": [{"location": "eastus", "foo": 1}]},
            [
                ("UnknownField", "replication_locations[0].foo"),
                (IMMUTABLE, "replication_locations[0].storage_config"),
            ],
        ),
        (
            {
                "location": "eastus",
                "replication_locations": [
                    {"location": "eastus", "storage_config": {"storage_account_hns": False, "replication_count": 0}}
                ],
            },
            [
                ("InvalidValue", "replication_locations[0].storage_config.replication_count"),
                (IMMUTABLE, "replication_locations[0].storage_config"),
            ],
        ),
    ],
)
def test_what_is_wrong_hides_nothing_of_what_is_stored(fields: Any, expected: list[tuple[str, str]]) -> None:
    """A fault of the document leaves the rest of it to be compared with what is stored, region by region."""
    assert sorted(refused(**fields)) == sorted(expected)


def test_an_answer_may_be_sent_back_again_after_it_has_changed_something() -> None:
    """What a GET told of who changed a registry last may be old; the rest of what only the service sets may not."""
    data = stored().system_data.as_json()
    old = {**data, "last_modified_by": "somebody else", "last_modified_at": "2026-01-01T00:00:00Z"}
    body = {"location": "eastus", "replication_locations": [EAST, WEST], "resource_group": "RG1"}

    assert admit_change(stored(), examine({**body, "system_data": old}, "Demo1")) is None
    assert refused(**body, system_data={**data, "created_by": "eve"}) == [("ReadOnlyField", "system_data.created_by")]
    assert refused(**body, system_data="mine") == [("ReadOnlyField", "system_data")]
    assert admit_change(stored(), examine({**body, "system_data": {"created_by": "ada"}}, "Demo1")) is None


def told(call: Callable[[], object]) -> list[tuple[str, str | None, str]]:
    """Return code, target and message of everything that a call is refused with."""
    with pytest.raises(Refusal) as caught:
        call()
    return [(problem.code.value, problem.target, problem.message) for problem in caught.value.problems]


def changed(**fields: Any) -> list[tuple[str, str | None, str]]:
    """Return what speaks against a change of what is stored."""
    return told(lambda: admit_change(stored(), examine({"location": "eastus", **fields}, "Demo1")))


def test_a_name_that_is_taken_is_told() -> None:
    """Who may see the registry is told to change it."""
    assert told(lambda: admit_absence(stored())) == [
        ("RegistryAlreadyExists", "name", "A registry named 'Demo1' exists; PUT changes it.")
    ]


def test_what_is_being_deleted_is_told() -> None:
    """While a registry goes, nothing takes its place; the answer names the operation to follow."""
    going = lifecycle.delete(stored(), ACCEPTANCE)
    expected = ("RegistryBeingDeleted", None, "'Demo1' is being deleted; follow operation 'demo1.1' and try again.")

    assert told(lambda: admit_absence(going)) == [expected]
    assert told(lambda: admit_change(going, examine({"location": "eastus"}, "Demo1"))) == [expected]


def test_what_is_protected_is_told() -> None:
    """A protected registry is not deleted; one that is on its way out already is left alone."""
    protected = stored().model_copy(update={"spec": stored().spec.model_copy(update={"deletion_protection": True})})
    going = lifecycle.delete(protected, ACCEPTANCE)

    assert told(lambda: admit_delete(protected)) == [
        (
            "DeletionProtected",
            "deletion_protection",
            "'Demo1' is protected; set deletion_protection to false first.",
        )
    ]
    assert admit_delete(stored())
    assert not admit_delete(going)
    assert told(lambda: admit_delete(lifecycle.cancel(going, ACCEPTANCE.caller, NOW)))
    assert admit_delete(lifecycle.cancel(lifecycle.delete(stored(), ACCEPTANCE), ACCEPTANCE.caller, NOW))


def test_what_can_never_change_is_told() -> None:
    """The primary region and how accounts were made stay; the answer says what they are."""
    assert changed(location="westus", replication_locations=[EAST, WEST]) == [
        (
            "PrimaryLocationImmutable",
            "location",
            (
                "The primary location is 'eastus' and can never change, also not to 'westus'; "
                "make another registry for that."
            ),
        )
    ]
    assert changed(location=None, replication_locations=[WEST])[1:] == [
        (
            "PrimaryLocationImmutable",
            "replication_locations",
            "'replication_locations' must contain the primary location 'eastus', which can never be removed.",
        )
    ]
    for regions, number, made, advice in (
        ([{"location": "eastus"}, WEST], 0, "true", "make another registry for other options"),
        (
            [EAST, {**WEST, "storage_config": {"storage_account_hns": True}}],
            1,
            "false",
            "remove the region, wait until it is gone, and add it again",
        ),
    ):
        assert changed(replication_locations=regions) == [
            (
                IMMUTABLE,
                f"replication_locations[{number}].storage_config",
                (
                    f"The storage accounts of '{regions[number]['location']}' exist with storage_account_hns: {made}, "
                    'storage_account_type: "Standard_LRS", replication_count: 1, which can never change; write that, '
                    f"or {advice}."
                ),
            )
        ]


def test_a_new_primary_hides_no_list_that_has_neither() -> None:
    """A list without the primary, old or new, is told together with the change of the primary."""
    nowhere = changed(location="westus", replication_locations=[{"location": "uksouth"}])

    assert [(code, target) for code, target, _ in nowhere] == [
        ("PrimaryLocationImmutable", "location"),
        ("PrimaryLocationImmutable", "replication_locations"),
    ]


def test_a_name_that_is_taken_hides_no_fault_of_the_document() -> None:
    """That the name is taken by what the caller cannot see is told together with the document's own faults."""
    scope = Scope(subscription_id="s1", resource_group="rg1")
    draft = examine({"name": "Demo1", "location": "eastu"})

    assert [code for code, _, _ in told(lambda: admit_creation(draft, scope, is_name_taken=True))] == [
        "RegistryNameTaken",
        "UnknownLocation",
    ]


def test_what_only_the_service_sets_is_told() -> None:
    """A field that a caller may send back, but not change, is named."""
    message = "'id' is set by the service and cannot be changed; leave it out or send it back as it was."
    regions = {"replication_locations": [EAST, WEST]}

    assert changed(**regions, id="/x") == [("ReadOnlyField", "id", message)]
    assert (
        admit_change(stored(), examine({"location": "eastus", **regions, "id": stored().id.upper()}, "Demo1")) is None
    )
    assert changed(**regions, system_data={"created_by": "ada", "more": 1})[0][:2] == (
        "ReadOnlyField",
        "system_data.more",
    )
    scope = Scope(subscription_id="s1", resource_group="rg1")
    draft = examine({"name": "Demo1", "location": "eastus", "subscription_id": "S2", "resource_group": "RG1"})
    assert [target for _, target, _ in told(lambda: admit_creation(draft, scope))] == ["subscription_id"]


def test_regions_that_are_not_allowed_are_told_where_they_are() -> None:
    """Each region that may not be used is told once, where it is listed first, also the primary one."""
    allowed = frozenset({"westus", "eastus2"})
    scope = Scope(subscription_id="s1", resource_group="rg1")
    alone = examine({"name": "Demo1", "location": "japaneast"})
    regions = [{"location": "japaneast"}, {"location": "westus"}, {"location": "japaneast"}]
    listed = examine({"name": "Demo1", "location": "japaneast", "replication_locations": regions})
    message = "'japaneast' may not be used here; allowed are eastus2, westus."

    assert told(lambda: admit_creation(alone, scope, allowed)) == [("LocationNotSupported", "location", message)]
    assert [each for each in told(lambda: admit_creation(listed, scope, allowed)) if each[2] == message] == [
        ("LocationNotSupported", "replication_locations[0].location", message)
    ]
    assert admit_creation(examine({"name": "Demo1", "location": "westus"}), scope, allowed).location == "westus"
    assert admit_creation(alone, scope).location == "japaneast"
    elsewhere = examine({**BASE, "location": "japaneast", "replication_locations": [WEST]})
    assert [each[:2] for each in told(lambda: admit_creation(elsewhere, scope, allowed))] == [
        ("PrimaryLocationNotReplicated", "replication_locations"),
        ("LocationNotSupported", "location"),
    ]
    unreadable = examine({**BASE, "location": "?", "replication_locations": [WEST]})
    assert [each[:2] for each in told(lambda: admit_creation(unreadable, scope, allowed))] == [
        ("UnknownLocation", "location")
    ]


def test_a_document_may_name_its_own_scope() -> None:
    """The subscription and the group that a registry is to have may be written, in any case."""
    scope = Scope(subscription_id="s1", resource_group="rg1")

    assert admit_creation(examine({**BASE, "subscription_id": "S1", "resource_group": "RG1"}), scope).name == "Demo1"


def test_what_has_failed_is_tried_again_by_the_same_document() -> None:
    """A document that changes nothing is only another try where the last one failed or was canceled."""
    draft = examine({"location": "eastus", "replication_locations": [EAST, WEST]}, "DEMO1")

    assert admit_change(stored(), draft) is None
    assert admit_change(lifecycle.cancel(stored(), ACCEPTANCE.caller, NOW), draft) == stored().spec
    described = examine({"location": "eastus", "replication_locations": [EAST, WEST], "description": "x"}, "DEMO1")
    spec = admit_change(stored(), described)
    assert spec is not None
    assert (spec.name, spec.description) == ("Demo1", "x")


def test_differences_are_told_one_by_one() -> None:
    """Every value that differs is told with what was and what is; what stays the same is not."""
    scope = {"name": "Demo1", "location": "eastus"}
    before = examine({**scope, "tags": {"a": "1", "b c": "2"}, "replication_locations": [EAST, WEST]}).spec
    after = examine({**scope, "tags": {"a": "2"}, "replication_locations": [EAST], "description": "new"}).spec
    made = {"storage_account_hns": False, "storage_account_type": "Standard_LRS", "replication_count": 1}

    assert changes(before, after) == (
        Change("description", None, "new"),
        Change("tags.a", "1", "2"),
        Change('tags["b c"]', "2", None),
        Change("replication_locations.westus", made, None),
    )
    assert changes(before, before) == ()
    assert [change.path for change in changes(None, examine(scope).spec)] == [
        "name",
        "location",
        "public_network_access",
        "deletion_protection",
        "paused",
        "replication_locations.eastus",
    ]


def test_a_refusal_tells_everything_in_its_order() -> None:
    """First what is wrong with the document by itself, then what is stored against it."""
    draft = examine({"location": "westus", "foo": 1, "id": "/x"}, "Demo1")
    with pytest.raises(Refusal) as caught:
        admit_change(stored(), draft, frozenset({"eastus"}))

    assert [problem.target for problem in caught.value.problems] == ["foo", "id", "location"]
    assert all(isinstance(problem, Problem) for problem in caught.value.problems)
