"""What a document may say, and what the answer is when it says something else."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from registry_api.domain.problems import Code, Refusal, write_path
from registry_api.domain.spec import MAX_REGIONS, MAX_TAGS, STORED, RegistrySpec
from registry_api.domain.validation import examine

DEMO = {
    "name": "DemoRegistry1",
    "description": "Basic registry",
    "tags": {"foo": "bar"},
    "location": "eastus",
    "replication_locations": [{"location": "eastus"}, {"location": "eastus2"}, {"location": "westus"}],
}
EXAMPLE = Path(__file__).parents[2] / "examples" / "registry.yml"


def problems_of(document: object, name: str | None = None) -> list[tuple[str, str | None]]:
    """Return code and target of every problem of a document."""
    return [(problem.code.value, problem.target) for problem in examine(document, name).problems]


def spec_of(**changes: Any) -> RegistrySpec:
    """Return the spec of the demo document with some fields changed."""
    return examine({**DEMO, **changes}).spec


def test_example_is_valid() -> None:
    """The example that the README sends is a valid document with three regions, the primary one first."""
    spec = examine(yaml.safe_load(EXAMPLE.read_text("utf-8"))).spec

    assert spec.region_names == ("eastus", "eastus2", "westus")


def test_spelling_order_and_defaults_do_not_matter() -> None:
    """Two documents that mean the same give equal specs."""
    spelled_out = {
        **DEMO,
        "location": "East US",
        "replication_locations": [
            {"location": "WestUS", "storage_config": None},
            {"location": "EAST US 2", "storage_config": {"storage_account_type": "standard_lrs"}},
            {"location": "eastus", "storage_config": {"replication_count": 1}},
        ],
        "public_network_access": "Enabled",
        "container_registry": {"acr_account_sku": "premium"},
    }

    assert examine(spelled_out).spec == examine(DEMO).spec


def test_without_regions_the_primary_is_alone() -> None:
    """A document without replication_locations has its primary region only."""
    document = {key: value for key, value in DEMO.items() if key != "replication_locations"}

    assert examine(document).spec.region_names == ("eastus",)


@pytest.mark.parametrize(
    "field", ["$schema", "status", "etag", "identity", "kind", "sku", "managed_resource_group", "discovery_url"]
)
def test_fields_that_only_clients_write_are_ignored(field: str) -> None:
    """What the official client and editors add to a file is accepted and has no meaning."""
    assert spec_of(**{field: "anything"}) == spec_of()


@pytest.mark.parametrize("field", ["id", "subscription_id", "resource_group", "system_data"])
def test_read_only_fields_are_kept_apart(field: str) -> None:
    """What the service says about a registry is not part of the spec, but is handed on to be compared."""
    document = examine({**DEMO, field: "anything"})

    assert document.spec == spec_of()
    assert document.read_only == {field: "anything"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": "x"}, [("InvalidRegistryName", "name")]),
        ({"name": "_x1"}, [("InvalidRegistryName", "name")]),
        ({"name": "a" * 33}, [("InvalidRegistryName", "name")]),
        ({"name": 12}, [("WrongType", "name")]),
        ({"location": None}, [("MissingField", "location")]),
        ({"location": 5}, [("WrongType", "location")]),
        ({"location": "eastsu"}, [("UnknownLocation", "location")]),
        ({"location": "westindia", "replication_locations": None}, [("LocationNotSupported", "location")]),
        ({"replication_locations": "eastus"}, [("WrongType", "replication_locations")]),
        ({"replication_locations": []}, [("PrimaryLocationNotReplicated", "replication_locations")]),
        (
            {"replication_locations": [{"location": "westus"}]},
            [("PrimaryLocationNotReplicated", "replication_locations")],
        ),
        (
            {"replication_locations": [{"location": "eastus"}, {"location": "East US"}]},
            [("DuplicateLocation", "replication_locations[1].location")],
        ),
        (
            {"replication_locations": [{"location": "eastus"}, {}]},
            [("MissingField", "replication_locations[1].location")],
        ),
        (
            {"replication_locations": [{"location": "eastus"}, "westus"]},
            [("WrongType", "replication_locations[1]")],
        ),
        (
            {"replication_locations": [{"location": "eastus", "storage_config": ["/subscriptions/1"]}]},
            [("UserOwnedResourceNotSupported", "replication_locations[0].storage_config")],
        ),
        ({"container_registry": "/subscriptions/1"}, [("UserOwnedResourceNotSupported", "container_registry")]),
        (
            {"container_registry": {"acr_account_sku": "basic"}},
            [("InvalidValue", "container_registry.acr_account_sku")],
        ),
        ({"tags": {"a<b": "c"}}, [("InvalidTag", 'tags["a<b"]')]),
        ({"tags": {"": "c"}}, [("InvalidTag", 'tags[""]')]),
        ({"tags": {"a": 1}}, [("WrongType", "tags.a")]),
        ({"tags": {"a": "b" * 257}}, [("ValueTooLong", "tags.a")]),
        ({"tags": {f"t{n}": "" for n in range(MAX_TAGS + 1)}}, [("TooManyItems", "tags")]),
        ({"tags": ["a"]}, [("WrongType", "tags")]),
        ({"description": "a" * 4097}, [("ValueTooLong", "description")]),
        ({"description": "bell\a"}, [("InvalidValue", "description")]),
        ({"description": "\ud800"}, [("InvalidValue", "description")]),
        ({"public_network_access": "maybe"}, [("InvalidValue", "public_network_access")]),
        ({"public_network_access": True}, [("WrongType", "public_network_access")]),
        ({"intellectual_property": "contoso"}, [("WrongType", "intellectual_property")]),
        ({"intellectual_property": {}}, [("MissingField", "intellectual_property.publisher")]),
        ({"deletion_protection": "yes"}, [("WrongType", "deletion_protection")]),
        ({"replication_location": []}, [("UnknownField", "replication_location")]),
        (
            {"replication_locations": [{"location": "eastus"}] * (MAX_REGIONS + 1)},
            [
                ("TooManyItems", "replication_locations"),
                *[("DuplicateLocation", f"replication_locations[{n}].location") for n in range(1, MAX_REGIONS + 1)],
            ],
        ),
    ],
)
def test_each_broken_rule_has_its_code_and_place(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """A document with one fault is refused with the code of the rule and the path of the value."""
    assert problems_of({**DEMO, **changes}) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"storage_account_hns": "no"}, ("WrongType", "storage_account_hns")),
        ({"storage_account_type": "Standard_XRS"}, ("InvalidValue", "storage_account_type")),
        ({"replication_count": 0}, ("InvalidValue", "replication_count")),
        ({"replication_count": 11}, ("InvalidValue", "replication_count")),
        ({"replication_count": 1.5}, ("WrongType", "replication_count")),
        ({"replication_count": True}, ("WrongType", "replication_count")),
        ({"arm_resource_id": "x"}, ("UnknownField", "arm_resource_id")),
    ],
)
def test_storage_options_are_checked(config: dict[str, Any], expected: tuple[str, str]) -> None:
    """A fault inside storage_config is told with its full path."""
    code, field = expected
    document = {**DEMO, "replication_locations": [{"location": "eastus", "storage_config": config}]}

    assert problems_of(document) == [(code, f"replication_locations[0].storage_config.{field}")]


def test_all_problems_come_at_once() -> None:
    """Faults of every kind in one document are all told."""
    document = {
        "tags": {"a": 1},
        "name": "_x",
        "location": "eastus",
        "replication_locations": [{"location": "eastus"}, {"location": "eastsu"}, {"location": "East US", "acr": 1}],
        "pausd": True,
    }

    assert set(problems_of(document)) == {
        ("WrongType", "tags.a"),
        ("InvalidRegistryName", "name"),
        ("UnknownLocation", "replication_locations[1].location"),
        ("UnknownField", "replication_locations[2].acr"),
        ("DuplicateLocation", "replication_locations[2].location"),
        ("UnknownField", "pausd"),
    }


@pytest.mark.parametrize("document", [None, [], "text", 5, True])
def test_a_document_is_a_mapping(document: object) -> None:
    """Anything but a mapping is no document."""
    assert problems_of(document) == [("InvalidDocument", None)]


def test_the_path_names_the_registry() -> None:
    """The name in the path stands in for the one in the document, and the two may differ only in case."""
    nameless = {key: value for key, value in DEMO.items() if key != "name"}

    assert examine(nameless, "Other1").spec.name == "Other1"
    assert examine(DEMO, "demoregistry1").spec.name == "demoregistry1"
    assert problems_of(DEMO, "Other1") == [("NameMismatch", "name")]
    assert problems_of(nameless) == [("MissingField", "name")]


def test_messages_say_what_is_allowed() -> None:
    """A message names the nearest known spelling, or everything that is allowed."""
    draft = examine({"name": "Demo1", "location": "eastsu", "public_network_access": "of", "tgas": {}})

    messages = " ".join(problem.message for problem in draft.problems)
    assert "'eastus'" in messages
    assert "one of enabled, disabled" in messages
    assert "Did you mean 'tags'?" in messages


def test_braces_in_a_value_are_only_text() -> None:
    """A value that looks like a placeholder is told as it is."""
    with pytest.raises(Refusal, match=r"'\{text\}\{0\}' is not an Azure region"):
        _ = examine({"name": "Demo1", "location": "{text}{0}"}).spec


def test_paths_are_written_as_a_caller_would() -> None:
    """A target reads like the expression that leads to the value."""
    assert write_path(()) is None
    assert write_path(("a", 0, "b")) == "a[0].b"
    assert write_path(("tags", 'a "b"')) == 'tags["a \\"b\\""]'


def test_codes_are_pascal_case_and_unique() -> None:
    """A code is a name that a program can switch on."""
    assert all(code.value.isalpha() and code.value[0].isupper() for code in Code)
    assert len({code.value.lower() for code in Code}) == len(Code)


def test_what_is_stored_stays_readable_when_rules_change() -> None:
    """A spec that was accepted once is read back, also when its region or its name would be refused today."""
    text = spec_of().model_dump_json().replace("westus", "atlantis").replace("DemoRegistry1", "x")

    assert RegistrySpec.model_validate_json(text, context=STORED).region_names == ("eastus", "atlantis", "eastus2")
    with pytest.raises(ValueError, match="atlantis"):
        RegistrySpec.model_validate_json(text)


def test_a_whole_number_may_have_a_decimal_point() -> None:
    """3.0 is a whole number, as in JSON Schema."""
    regions = [{"location": "eastus", "storage_config": {"replication_count": 3.0}}]

    assert spec_of(replication_locations=regions).replication_locations[0].storage_config.replication_count == 3


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({**DEMO, "[key]": 1}, [("UnknownField", '["[key]"]')]),
        ({**DEMO, "tags": {"[key]": 1}}, [("WrongType", 'tags["[key]"]')]),
        (
            {**DEMO, "replication_locations": [{"location": "eastus", "[key]": 1}]},
            [("UnknownField", 'replication_locations[0]["[key]"]')],
        ),
        ({**DEMO, "tags": {"a%b": "x"}}, [("InvalidTag", 'tags["a%b"]')]),
    ],
)
def test_a_name_that_the_model_uses_itself_is_only_a_name(document: object, expected: list[tuple[str, str]]) -> None:
    """Whatever a field or a tag is called, it is told as what it is, where it is."""
    assert problems_of(document) == expected


@pytest.mark.parametrize("region", ["east\x1fus", "ea\nstus", "eastus\x85", "\u212aoreacentral", "east\u00a0us"])
def test_a_region_is_spelled_with_letters_digits_and_blanks(region: str) -> None:
    """Only blanks between the letters of a region are overlooked."""
    assert problems_of({"name": "Demo1", "location": region}) == [("UnknownLocation", "location")]


def test_the_nearest_field_is_found_in_any_case() -> None:
    """A field in capitals is near the one in small letters."""
    (problem,) = examine({**DEMO, "DESCRIPTION": "x"}).problems

    assert problem.message.endswith("Did you mean 'description'?")
