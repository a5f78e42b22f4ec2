"""What a problem says: every word of it is for a person, and is part of the answer."""

from typing import Any

import pytest

from registry_api.domain import regions, spec, validation
from registry_api.domain.problems import Code, Problem, Refusal, quote, refuse, write_path
from registry_api.domain.validation import examine

BASE = {"name": "Demo1", "location": "eastus"}
TYPES = (
    "Standard_LRS, Standard_GRS, Standard_RAGRS, Standard_ZRS, Standard_GZRS, Standard_RAGZRS, Premium_LRS, Premium_ZRS"
)
FIELDS = (
    "container_registry, deletion_protection, description, intellectual_property, location, name, paused, "
    "public_network_access, replication_locations, tags"
)
PUBLISHER = "intellectual_property.publisher"
SURROGATE = "A text must be valid Unicode, but this one has half of a surrogate pair."


def stored_as(config: object) -> dict[str, Any]:
    """Return what a document says of its only region's storage."""
    return {"replication_locations": [{"location": "eastus", "storage_config": config}]}


OPTION = "replication_locations[0].storage_config"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": 5}, "'name' must be a string; if it looks like a number or a boolean, write it in quotes."),
        ({"deletion_protection": "yes"}, "'deletion_protection' must be true or false."),
        ({"replication_locations": "x"}, "'replication_locations' must be a list."),
        ({"tags": []}, "'tags' must be a mapping of names to values."),
        ({"intellectual_property": "x"}, "'intellectual_property' must be a mapping of names to values."),
        (stored_as({"replication_count": 1.5}), f"'{OPTION}.replication_count' must be a whole number."),
        (stored_as({"replication_count": 0}), f"'{OPTION}.replication_count' must be at least 1."),
        (stored_as({"replication_count": 11}), f"'{OPTION}.replication_count' must be at most 10."),
        (
            stored_as({"storage_account_type": "Standard_XRS"}),
            f"'Standard_XRS' is not allowed; must be one of {TYPES}. Did you mean 'Standard_ZRS'?",
        ),
        (stored_as({"storage_account_type": "?"}), f"'?' is not allowed; must be one of {TYPES}."),
        (
            stored_as(["/subscriptions/1"]),
            (
                "An existing storage account cannot be used; the registry makes its own. "
                "Write storage_account_type and storage_account_hns, or leave the field out."
            ),
        ),
        (
            {"container_registry": "/subscriptions/1"},
            (
                "An existing container registry cannot be used; the registry makes its own. "
                "Write acr_account_sku: premium, or leave the field out."
            ),
        ),
        ({"intellectual_property": {"publisher": ""}}, f"'{PUBLISHER}' must have at least 1 characters."),
        ({"location": None}, "'location' is required."),
        ({"location": "eastsu"}, "'eastsu' is not an Azure region. Did you mean 'eastus' or 'eastus2' or 'eastasia'?"),
        ({"location": "?"}, "'?' is not an Azure region. The catalogue of regions, /api/regions, has all."),
        ({"location": "westindia"}, "'westindia' cannot hold a registry: it does not offer container registries."),
        ({"description": "a" * 4097}, "'description' may have at most 4096 characters."),
        (
            {"description": "bell\a"},
            "A text may not contain control characters, but this one has U+0007 at position 5.",
        ),
        ({"description": "\ud800"}, "'description' is not valid Unicode text."),
        ({"name": "Demo\ud800"}, SURROGATE),
        ({"tags": {"": "x"}}, "A tag's key must be 1 to 512 characters long, not 0."),
        ({"tags": {"a" * 513: "x"}}, "A tag's key must be 1 to 512 characters long, not 513."),
        ({"tags": {"a<": "x"}}, r"A tag's key may not contain control characters or any of < > % & \ ? /"),
        ({"tags": {"\ud800": "x"}}, r"'\ud800' is not valid Unicode text: it has half of a surrogate pair."),
        (
            {"name": "_"},
            (
                "'_' is not a registry name: "
                "it must be 2 to 32 letters, digits, '_' or '-', and start with a letter or digit."
            ),
        ),
        (
            {"replication_locations": []},
            "'replication_locations' must contain the primary location 'eastus', or be left out to have it alone.",
        ),
        (
            {"replication_locations": [{"location": "westus"}, {"location": "eastus"}, {"location": "East US"}]},
            "'eastus' is already given at replication_locations[1].",
        ),
        ({"tags": {f"t{n}": "" for n in range(51)}}, "'tags' may have at most 50 items, not 51."),
        ({"zzz": 1}, f"'zzz' is not a known field. Known fields are {FIELDS}."),
        (
            stored_as({"storage_account_hnt": 1}),
            f"'{OPTION}.storage_account_hnt' is not a known field. Did you mean 'storage_account_hns'?",
        ),
        (
            stored_as({"zzz": 1}),
            (
                f"'{OPTION}.zzz' is not a known field. "
                "Known fields are replication_count, storage_account_hns, storage_account_type."
            ),
        ),
        (
            {"replication_locations": [{"location": "eastus", "zzz": 1}]},
            "'replication_locations[0].zzz' is not a known field. Known fields are location, storage_config.",
        ),
        (
            {"replication_locations": [{"location": "eastus", "etagg": 1}]},  # `etag` is none of a region's
            "'replication_locations[0].etagg' is not a known field. Known fields are location, storage_config.",
        ),
        (
            {"container_registry": {"zzz": 1}},
            "'container_registry.zzz' is not a known field. Known fields are acr_account_sku.",
        ),
        (
            {"intellectual_property": {"publisher": "x", "zzz": 1}},
            "'intellectual_property.zzz' is not a known field. Known fields are publisher.",
        ),
    ],
)
def test_a_fault_is_told_in_full(fields: dict[str, Any], message: str) -> None:
    """A document with one fault has one message, which says what is wrong and what would be right."""
    assert [problem.message for problem in examine({**BASE, **fields}).problems] == [message]


def test_what_is_no_document_is_told_in_full() -> None:
    """A document that is none, and one that names another registry than its path, are told so."""
    (nothing,) = examine([]).problems
    (another,) = examine(BASE, "Other1").problems
    (untyped,) = examine({**BASE, "name": 5}, "Demo1").problems

    assert nothing.message == "The document must be a mapping of field names to values."
    assert another.message == ("The document names 'Demo1', the request's path 'Other1'; they must be the same.")
    assert (untyped.code, untyped.path) == (Code.WRONG_TYPE, ("name",))
    assert untyped.message == "'name' must be a string; if it looks like a number or a boolean, write it in quotes."


def test_looking_for_names_takes_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thousands of unknown names the first hundred are compared with the known ones; all of them are told."""
    looked_up: list[str] = []

    def look_up(text: str, *_: object, **__: object) -> list[str]:
        looked_up.append(text)
        return []

    for module in (validation, regions, spec):
        monkeypatch.setattr(module, "similar", look_up)
    locations = [{"location": f"nowhere{number}", "storage_config": {"odd": 1}} for number in range(60)]
    document = {f"unknown{number}": 1 for number in range(3000)} | {"replication_locations": locations}

    assert len(examine({**BASE, **document}).problems) > 3060
    assert len(looked_up) == 100


def test_a_fault_that_nobody_foresaw_is_told_in_the_models_words() -> None:
    """A kind of fault that has no words of its own is an invalid value, with what the model says of it."""
    assert validation._describe("odd", "Input is odd", {}, ("tags", "a"), hinting=True) == (
        Code.INVALID_VALUE,
        "'tags.a' is not valid: Input is odd.",
    )


def test_as_much_as_is_allowed_may_be_written() -> None:
    """The longest key is no fault, and neither is the last of as many tags as there may be."""
    tags = {"a" * 512: "x", **{f"t{number}": "" for number in range(49)}}

    assert examine({**BASE, "tags": tags}).spec.tags == dict(sorted(tags.items()))


def test_a_fault_hides_and_makes_no_other() -> None:
    """What cannot be read is one fault, where it is, and says nothing about what else the document means."""
    (key,) = examine({**BASE, "tags": {"\ud800": "x"}}).problems
    (region,) = examine({**BASE, "replication_locations": [{"location": "?"}]}).problems
    (number,) = examine({**BASE, "replication_locations": 5}).problems

    assert (key.code, key.path) == (Code.INVALID_VALUE, ("tags", "\ud800"))
    assert (region.code, region.path) == (Code.UNKNOWN_LOCATION, ("replication_locations", 0, "location"))
    assert (number.code, number.path) == (Code.WRONG_TYPE, ("replication_locations",))
    assert examine({**BASE, "location": "?"}).regions == ()


def test_a_refusal_carries_its_problems() -> None:
    """A refusal reads like its problems, one after the other, and each can be given its place in the text."""
    problem = Problem(Code.INVALID_VALUE, "Wrong.", ("a", 0))

    assert str(Refusal(problem, problem)) == "InvalidValue: Wrong.; InvalidValue: Wrong."
    assert refuse(Code.INVALID_VALUE, "Wrong.", "a", 0).problems == (problem,)
    assert problem.at(3, 5) == Problem(Code.INVALID_VALUE, "Wrong.", ("a", 0), 3, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "'plain'"),
        ("a" * 100, f"'{'a' * 100}'"),
        ("a" * 101, f"'{'a' * 100}…'"),
        ("line\nend\x7f\u2028\ud800", r"'line\u000aend\u007f\u2028\ud800'"),
    ],
)
def test_a_callers_text_is_quoted(text: str, expected: str) -> None:
    """A text of a caller is told in quotes, not too long, and with escapes for what cannot be shown."""
    assert quote(text) == expected


def test_odd_keys_are_escaped() -> None:
    """A key that is no plain name stands in brackets and quotes, with what would end the quote escaped."""
    assert write_path(("tags", "a\\b", "$schema", "x\n")) == r'tags["a\\b"].$schema["x\u000a"]'
    assert write_path((0, "a-b")) == "[0].a-b"
