"""What is stored against what is asked for: every reason at once, where the document has it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from registry_api.domain import lifecycle
from registry_api.domain.admission import admit_change
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.problems import Refusal
from registry_api.domain.registry import Caller, Registry, Scope, Visit
from registry_api.domain.validation import examine

NOW = datetime(2026, 11, 2, tzinfo=UTC)
ACCEPTANCE = Acceptance(Caller(tenant="t1", name="ada"), NOW, "demo1.1", Visit(token="v1", due=NOW))
HNS = {"storage_account_hns": True}
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
    assert refused(**body, system_data={**data, "created_by": "eve"}) == [("ReadOnlyField", "system_data")]
    assert refused(**body, system_data="mine") == [("ReadOnlyField", "system_data")]
    assert admit_change(stored(), examine({**body, "system_data": {"created_by": "ada"}}, "Demo1")) is None
