"""Bodies at the Resource Manager door: what comes back unchanged, what is wrong, and what is beyond all sense."""

import asyncio
import json
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from registry_api import bootstrap
from registry_api.domain import regions
from registry_api.domain.spec import MAX_REPLICATION_COUNT, MAX_TAG_KEY, MAX_TAG_VALUE, MAX_TAGS
from registry_api.http.resource_manager.registries import MAX_BYTES
from tests.http.resource_manager import GROUP, SUBSCRIPTION, Door, open_door, recorded, region


async def test_what_is_sent_back_changes_nothing(door: Door) -> None:
    """A whole resource, one without names and ids, and one with words of newer versions leave all as it is."""
    await door.ask("PUT", f"{GROUP}/Demo1", recorded())
    await door.world.settle()
    before = await door.get()
    bare = recorded()
    for each in bare["properties"]["regionDetails"]:
        each["storageAccountDetails"] = None
    newer = before.body | {"kind": "registry", "sku": {"name": "S1"}, "extendedLocation": {"x": [1]}}
    newer["properties"] = before.body["properties"] | {
        "managedResourceGroupSettings": {"assignedIdentities": []},
        "registryPrivateEndpointConnections": [],
        "somethingNew": {"deep": [None]},
    }
    no_regions = {"location": "East US", "tags": {"foo": "bar", "gone": None}, "properties": {"regionDetails": None}}

    for body in (before.body, bare, newer, no_regions):
        answer = await door.ask("PUT", f"{GROUP}/demo1", body)
        assert (answer.status, answer.headers["etag"]) == (200, before.headers["etag"])
        assert "azure-asyncoperation" not in answer.headers
    assert (await door.get()).body == before.body


async def test_the_largest_registry_can_be_sent_back(door: Door) -> None:
    """A registry with every region and as many accounts as it may have comes back as it was told, indented as well."""
    everywhere = [name for name, known in regions.catalogue().items() if known.missing_service is None]
    details = [region(name, *[{}] * MAX_REPLICATION_COUNT) for name in everywhere]
    tags = {f"tag{number}".ljust(MAX_TAG_KEY, "x"): "v" * MAX_TAG_VALUE for number in range(MAX_TAGS)}
    created = await door.put(location=everywhere[0], tags=tags, properties={"regionDetails": details})
    again = await door.ask("PUT", f"{GROUP}/Demo1", created.body)

    assert created.status == 201
    assert (again.status, again.headers["etag"]) == (200, created.headers["etag"])
    assert len(json.dumps(created.body, indent=4)) < MAX_BYTES
    assert (await door.put(location="eastus", tags={"a": "b" * MAX_BYTES})).problem[:2] == (413, "DocumentTooLarge")


async def test_what_the_other_door_says_stays(door: Door) -> None:
    """Description, protection and pause of a registry, which the contract has no words for, survive its PUT."""
    scope = f"subscription_id={SUBSCRIPTION}&resource_group=ml"
    document = {
        "location": "eastus",
        "description": "for all",
        "deletion_protection": True,
        "paused": True,
        "intellectual_property": {"publisher": "contoso"},
    }
    await door.ask("PUT", f"registries/Demo1?{scope}", document)
    resource = (await door.get()).body
    resource["tags"]["x"] = "y"
    resource["properties"]["regionDetails"].append({"location": "westus"})

    assert (await door.ask("PUT", f"{GROUP}/Demo1", resource)).status == 200
    seen = (await door.ask("GET", f"registries/Demo1?{scope}")).body
    assert {field: seen[field] for field in document} == document
    assert seen["tags"] == {"x": "y"}
    assert [each["location"] for each in seen["replication_locations"]] == ["eastus", "westus"]
    assert (await door.ask("DELETE", f"{GROUP}/Demo1")).problem == (409, "DeletionProtected", "deletion_protection")


USERS_STORAGE = {"storageAccountDetails": [{"userCreatedStorageAccount": {"armResourceId": {"resourceId": "/s"}}}]}
USERS_REGISTRY = {"acrDetails": [{"userCreatedAcrAccount": {"armResourceId": {"resourceId": "/r"}}}]}
BASIC = {"acrDetails": [{"systemCreatedAcrAccount": {"acrAccountSku": "Basic"}}]}
DETAILS = "properties.regionDetails"


@pytest.mark.parametrize(
    ("body", "code", "target"),
    [
        ({}, "MissingField", "location"),
        ({"location": "eastsu"}, "UnknownLocation", "location"),
        ({"location": "eastus", "name": "Other"}, "NameMismatch", "name"),
        ({"location": "eastus", "tags": {"a": 1}}, "WrongType", "tags.a"),
        ({"location": "eastus", "tags": []}, "WrongType", "tags"),
        (
            {"location": "eastus", "properties": {"managedResourceGroupTags": {"a": "b"}}},
            "InvalidValue",
            "properties.managedResourceGroupTags",
        ),
        ({"location": "eastus", "properties": 7}, "WrongType", "properties"),
        ({"location": "eastus", "properties": {"regionDetails": 7}}, "WrongType", DETAILS),
        ({"location": "eastus", "properties": {"regionDetails": []}}, "PrimaryLocationNotReplicated", DETAILS),
        ({"location": "eastus", "properties": {"regionDetails": [7]}}, "WrongType", f"{DETAILS}[0]"),
        ({"location": "eastus", "properties": {"regionDetails": [{}]}}, "MissingField", f"{DETAILS}[0].location"),
        (
            {"location": "eastus", "properties": {"regionDetails": [region("eastus"), region("East US")]}},
            "DuplicateLocation",
            f"{DETAILS}[1].location",
        ),
        (
            {"location": "eastus", "properties": {"publicNetworkAccess": "maybe"}},
            "InvalidValue",
            "properties.publicNetworkAccess",
        ),
        (
            {"location": "eastus", "properties": {"intellectualPropertyPublisher": ""}},
            "InvalidValue",
            "properties.intellectualPropertyPublisher",
        ),
        (
            {"location": "eastus", "properties": {"regionDetails": [region("eastus", **USERS_STORAGE)]}},
            "UserOwnedResourceNotSupported",
            f"{DETAILS}[0].storageAccountDetails[0].userCreatedStorageAccount",
        ),
        (
            {"location": "eastus", "properties": {"regionDetails": [region("eastus", **USERS_REGISTRY)]}},
            "UserOwnedResourceNotSupported",
            f"{DETAILS}[0].acrDetails[0].userCreatedAcrAccount",
        ),
        (
            {"location": "eastus", "properties": {"regionDetails": [region("eastus", **BASIC)]}},
            "InvalidValue",
            f"{DETAILS}[0].acrDetails[0].systemCreatedAcrAccount.acrAccountSku",
        ),
        (
            {"location": "eastus", "properties": {"regionDetails": [region("eastus", {"storageAccountType": "Gold"})]}},
            "InvalidValue",
            f"{DETAILS}[0].storageAccountDetails[0].systemCreatedStorageAccount.storageAccountType",
        ),
        (
            {"location": "eastus", "properties": {"regionDetails": [region("eastus", *[{}] * 11)]}},
            "InvalidValue",
            f"{DETAILS}[0].storageAccountDetails",
        ),
        (
            {
                "location": "eastus",
                "properties": {
                    "regionDetails": [
                        region("eastus", {"storageAccountType": "Standard_LRS"}, {"storageAccountType": "Premium_LRS"})
                    ]
                },
            },
            "InvalidValue",
            f"{DETAILS}[0].storageAccountDetails[1].systemCreatedStorageAccount.storageAccountType",
        ),
        (
            {
                "location": "eastus",
                "properties": {"regionDetails": [region("eastus", {"allowBlobPublicAccess": True})]},
            },
            "InvalidValue",
            f"{DETAILS}[0].storageAccountDetails[0].systemCreatedStorageAccount.allowBlobPublicAccess",
        ),
        (
            {"location": "eastus", "properties": {"regionDetails": [region("eastus", storageAccountDetails=[7])]}},
            "WrongType",
            f"{DETAILS}[0].storageAccountDetails[0]",
        ),
    ],
)
async def test_what_is_wrong_is_told_in_the_words_of_the_body(body: Any, code: str, target: str, door: Door) -> None:
    """A problem names the place in the caller's own body, and no message speaks of the other door's fields."""
    answer = await door.ask("PUT", f"{GROUP}/Demo1", body)

    assert answer.problem == (400, code, target)
    for word in ("replication_", "storage_", "acr_", "public_network_access"):
        assert word not in answer.body["error"]["message"]


async def test_who_waits_for_a_put_sees_it_end_although_tags_are_changed(door: Door) -> None:
    """A PATCH of tags joins what is under way: the operation of the PUT succeeds, with the tags."""
    put = await door.put(location="eastus", properties={"regionDetails": [region("eastus")]})
    patched = await door.ask("PATCH", f"{GROUP}/Demo1", {"tags": {"a": "b"}})
    await door.world.settle()
    ended = await door.ask("GET", put.headers["azure-asyncoperation"])
    shown = await door.ask("GET", f"{GROUP}/Demo1")

    assert (put.status, patched.status, patched.body["tags"]) == (201, 200, {"a": "b"})
    assert (ended.body["status"], shown.body["properties"]["provisioningState"]) == ("Succeeded", "Succeeded")
    assert shown.body["tags"] == {"a": "b"}


async def test_names_of_properties_have_no_case(door: Door) -> None:
    """As on Azure. Tags keep theirs, what is unknown is not looked into, and two spellings of a name are too many."""
    accounts = [{"SystemCreatedStorageAccount": {"storageaccounttype": "Standard_ZRS"}}]
    body = {
        "LOCATION": "eastus",
        "Tags": {"Name": "a", "name": "b"},
        "Properties": {
            "PublicNetworkAccess": "Disabled",
            "RegionDetails": [{"Location": "eastus", "StorageAccountDetails": accounts}],
        },
        "unknown": {"Name": 1, "name": 2},
    }
    told = (await door.ask("PUT", f"{GROUP}/Demo1", body)).body
    account = told["properties"]["regionDetails"][0]["storageAccountDetails"][0]["systemCreatedStorageAccount"]
    twice = await door.ask("PUT", f"{GROUP}/Demo1", {"location": "eastus", "properties": {}, "Properties": {}})

    assert (told["tags"], told["properties"]["publicNetworkAccess"]) == ({"Name": "a", "name": "b"}, "Disabled")
    assert account["storageAccountType"] == "Standard_ZRS"
    assert twice.problem == (400, "InvalidDocument", "properties")


async def test_user_owned_resources_are_refused_with_what_to_write_instead(door: Door) -> None:
    """Nobody has to guess the combination that is allowed."""
    both = region("eastus", **USERS_STORAGE, **USERS_REGISTRY)
    answer = await door.put(location="eastus", properties={"regionDetails": [both]})
    messages = [detail["message"] for detail in answer.body["error"]["details"]]

    assert "Write systemCreatedStorageAccount" in messages[0]
    assert "Write systemCreatedAcrAccount" in messages[1]


FIELDS = sorted(
    {
        *("location", "tags", "properties", "name", "id", "regionDetails", "publicNetworkAccess", "resourceId"),
        *("intellectualPropertyPublisher", "description", "storageAccountDetails", "acrDetails", "armResourceId"),
        *("systemCreatedStorageAccount", "userCreatedStorageAccount", "systemCreatedAcrAccount", "acrAccountSku"),
        *("userCreatedAcrAccount", "storageAccountType", "storageAccountHnsEnabled", "allowBlobPublicAccess"),
    }
)
LEAVES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, 1.5, "", "eastus", "westus", "Standard_LRS", "\ud800", [], {}]
)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
)


def _told() -> Any:
    """Return what a GET answers of a registry that has everything: all that can be written, and all that cannot."""
    door = Door()

    async def ask() -> Any:
        body = recorded()
        body["properties"] |= {"intellectualPropertyPublisher": "contoso", "description": "for all"}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bootstrap, "app", lambda: door.app)
            return (await door.ask("PUT", f"{GROUP}/Demo1", body)).body

    return asyncio.run(ask())


TOLD = json.dumps(_told())


@st.composite
def broken_bodies(draw: st.DrawFn) -> Any:
    """Return a body, as it is sent or as it is told, in which something stands where it does not belong."""
    body = draw(st.sampled_from([recorded, lambda: json.loads(TOLD)]))()
    place: Any = body
    while isinstance(place, dict | list) and place:
        step = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if draw(st.integers(0, 3)) == 0 or not isinstance(place[step], dict | list) or not place[step]:
            place[step] = draw(ANYTHING)
            break
        place = place[step]
    return body


@hypothesis.settings(
    deadline=None, max_examples=150, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(body=ANYTHING | broken_bodies())
def test_no_body_is_beyond_the_door(body: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is sent, the answer is a registry or says what is wrong with the body, and where in it."""
    door = open_door(monkeypatch)

    async def check() -> None:
        for method, path in (("PUT", ""), ("PUT", ""), ("PATCH", ""), ("POST", "/removeRegions")):
            answer = await door.ask(method, f"{GROUP}/Demo1{path}", body)
            assert answer.status < 500
            error = (answer.body or {}).get("error", {})
            for problem in error.get("details", [error]):
                target = str(problem.get("target", ""))
                assert not target.startswith(
                    ("replication_locations", "container_registry", "public_", "intellectual_")
                )

    asyncio.run(check())
