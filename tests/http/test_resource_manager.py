"""The Resource Manager door: the contract of the official clients, on twins of everything behind it."""

from typing import Any

import pytest

from registry_api.domain.caller import Caller
from registry_api.domain.permissions import BUILT_IN, Grant, Permissions
from registry_api.domain.problems import Code
from registry_api.domain.resources import Failure
from registry_api.http.resource_manager.contract import VERSIONS
from registry_api.service.backend import BackendError
from tests.http.resource_manager import GROUP, PROVIDER, SUBSCRIPTION, URL, VERSION, Door, open_door, recorded, region
from tests.service.world import World

LIST = f"subscriptions/{SUBSCRIPTION}/{PROVIDER}/registries"


def accounts_of(resource: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Return the storage accounts of every region."""
    return [
        [details["systemCreatedStorageAccount"] for details in each["storageAccountDetails"]]
        for each in resource["properties"]["regionDetails"]
    ]


async def test_a_registry_is_whole_from_its_first_answer_on(door: Door) -> None:
    """The answer to a PUT has names and ids of everything, although nothing is made yet, and they stay."""
    created = await door.ask("PUT", f"{GROUP}/Demo1", recorded())
    resource = created.body

    assert created.status == 201
    assert (resource["id"], resource["name"]) == (f"/{GROUP}/Demo1", "Demo1")
    assert resource["type"] == "Microsoft.MachineLearningServices/registries"
    assert resource["systemData"]["createdBy"] == "developer"
    assert resource["properties"]["provisioningState"] == "Accepted"
    assert resource["properties"]["managedResourceGroupTags"] == resource["tags"] == {"foo": "bar"}
    assert [len(accounts) for accounts in accounts_of(resource)] == [1, 2]
    group = resource["properties"]["managedResourceGroup"]["resourceId"]
    for account in [account for accounts in accounts_of(resource) for account in accounts]:
        name = account["storageAccountName"]
        assert account["armResourceId"]["resourceId"] == f"{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    registries = [each["acrDetails"] for each in resource["properties"]["regionDetails"]]
    assert registries[0] == registries[1]

    await door.world.settle()
    after = (await door.get("demo1")).body
    assert accounts_of(after) == accounts_of(resource)
    assert after["properties"]["provisioningState"] == "Succeeded"
    assert [each["provisioningState"] for each in after["properties"]["regionDetails"]] == ["Ready", "Ready"]


async def test_a_create_is_followed_at_absolute_addresses(door: Door) -> None:
    """Both addresses tell how far it is, and when it has ended what it led to; a PUT of the same starts nothing."""
    created = await door.ask("PUT", f"{GROUP}/Demo1", recorded())
    status, final = created.headers["azure-asyncoperation"], created.headers["location"]

    assert status.startswith(
        f"{URL}/subscriptions/{SUBSCRIPTION}/{PROVIDER}/locations/eastus/registryOperationsStatus/"
    )
    assert status.endswith(f"?{VERSION}&type=async")
    assert final == status.replace("type=async", "type=location")
    under_way = await door.ask("GET", status)
    assert (under_way.status, under_way.body["status"], under_way.headers["retry-after"]) == (200, "InProgress", "1")
    waiting = await door.ask("GET", final)
    assert (waiting.status, waiting.body, waiting.headers["location"]) == (202, None, final)
    again = await door.ask("PUT", f"{GROUP}/Demo1", recorded())
    assert (again.status, again.headers["azure-asyncoperation"]) == (200, status)

    await door.world.settle()
    ended = await door.ask("GET", status)
    assert (ended.body["status"], ended.body["percentComplete"]) == ("Succeeded", 100)
    assert [step["state"] for step in ended.body["regions"]] == ["Ready", "Ready"]
    assert "retry-after" not in ended.headers
    assert (await door.ask("GET", final)).body == (await door.get()).body
    again = await door.ask("PUT", f"{GROUP}/Demo1", recorded())
    assert (again.status, again.headers.get("azure-asyncoperation")) == (200, None)


async def test_a_location_is_written_as_an_address(door: Door) -> None:
    """Whatever stands for the location in an operation's address, no answer can be broken by it."""
    created = await door.put(location="eastus")
    odd = created.headers["location"].replace("/eastus/", "/East US\r\nx: é/")

    waiting = await door.ask("GET", odd)
    assert (waiting.status, "/locations/East%20US%0D%0Ax%3A%20%C3%A9/" in waiting.headers["location"]) == (202, True)


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_version_takes_the_recorded_requests(version: str, door: Door) -> None:
    """The requests that the official clients were seen to send are answered as they need it, in every api-version."""
    query = f"?api-version={version}"
    assert (await door.ask("PUT", f"{GROUP}/Demo1{query}", recorded())).status == 201
    await door.world.settle()
    read = await door.ask("GET", f"{GROUP}/Demo1{query}")
    assert read.status == 200
    for path in (LIST, GROUP):
        assert (await door.ask("GET", f"{path}{query}")).body == {"value": [read.body]}
    patched = await door.ask("PATCH", f"{GROUP}/Demo1{query}", {"tags": {"x": "y"}})
    assert (patched.status, patched.body["tags"]) == (200, {"foo": "bar", "x": "y"})
    assert (await door.ask("GET", f"{GROUP}/Demo1{query}")).body["tags"] == {"foo": "bar", "x": "y"}
    body = {"location": "eastus", "properties": {"regionDetails": [{"location": "westus"}]}}
    removed = await door.ask("POST", f"{GROUP}/Demo1/removeRegions{query}", body)
    assert removed.status == 202
    await door.world.settle()
    final = await door.ask("GET", removed.headers["location"])
    assert [each["location"] for each in final.body["properties"]["regionDetails"]] == ["eastus"]
    deleted = await door.ask("DELETE", f"{GROUP}/Demo1{query}", content_length="0")
    assert (deleted.status, deleted.body) == (202, None)
    assert (await door.ask("GET", deleted.headers["azure-asyncoperation"])).body["status"] == "InProgress"
    await door.world.settle()
    assert (await door.ask("GET", deleted.headers["azure-asyncoperation"])).body["status"] == "Succeeded"
    assert (await door.ask("GET", deleted.headers["location"])).status == 204
    assert (await door.ask("DELETE", f"{GROUP}/Demo1{query}")).status == 204
    assert (await door.ask("PUT", f"{GROUP}/Demo1{query}", recorded())).status == 201


async def test_a_registry_needs_no_more_than_a_location(door: Door) -> None:
    """What is left out gets its default."""
    created = await door.put(location="eastus")

    assert created.status == 201
    assert created.body["properties"]["publicNetworkAccess"] == "Enabled"
    assert [each["location"] for each in created.body["properties"]["regionDetails"]] == ["eastus"]
    assert accounts_of(created.body)[0][0]["storageAccountType"] == "Standard_LRS"


async def test_regions_are_taken_away_by_removing_them_only(door: Door) -> None:
    """A PUT that leaves a region out is refused and names removeRegions, which never takes the primary away."""
    await door.ask("PUT", f"{GROUP}/Demo1", recorded())
    await door.world.settle()
    smaller = await door.put(location="eastus", properties={"regionDetails": [region("eastus")]})
    assert smaller.problem == (409, "RegionRemovalNotAllowed", "properties.regionDetails")
    assert "removeRegions" in smaller.body["error"]["message"]

    async def remove(*regions: object) -> Any:
        body = {"location": "eastus", "properties": {"regionDetails": regions}}
        return await door.ask("POST", f"{GROUP}/Demo1/removeRegions", body)

    assert (await remove(region("East US"))).problem == (
        409,
        "PrimaryLocationImmutable",
        "properties.regionDetails[0].location",
    )
    assert (await remove(region("westsu"))).problem == (400, "UnknownLocation", "properties.regionDetails[0].location")
    assert (await remove({})).problem == (400, "MissingField", "properties.regionDetails[0].location")
    assert (await remove(7)).problem == (400, "WrongType", "properties.regionDetails[0]")
    assert (await remove()).problem == (400, "MissingField", "properties.regionDetails")
    assert (await remove(region("northeurope"))).status == 200
    removed = await remove(region("West US", {"storageAccountType": "whatever"}))
    assert (removed.status, removed.body["properties"]["provisioningState"]) == (202, "Accepted")
    await door.world.settle()
    assert (await remove(region("westus"))).status == 200
    assert [each["location"] for each in (await door.get()).body["properties"]["regionDetails"]] == ["eastus"]
    nobody = await door.ask(
        "POST", f"{GROUP}/Demo2/removeRegions", {"properties": {"regionDetails": [region("westus")]}}
    )
    assert nobody.problem == (404, "RegistryNotFound", "name")


async def test_a_region_on_its_way_out_is_told(door: Door) -> None:
    """It is none of the registry's regions any more, and how far it is, and why not further, can be seen."""
    await door.ask("PUT", f"{GROUP}/Demo1", recorded())
    await door.world.settle()
    assert (await door.get()).body["properties"]["regionsBeingRemoved"] == []
    away = BackendError(Failure(code=Code.REGION_UNAVAILABLE, message="Away."))
    door.world.backend.blind = lambda resource: away if resource.region == "westus" else None
    body = {"location": "eastus", "properties": {"regionDetails": [region("westus")]}}
    await door.ask("POST", f"{GROUP}/Demo1/removeRegions", body)
    door.world.clock.advance(2)
    await door.world.work_once()

    properties = (await door.get()).body["properties"]
    assert [each["location"] for each in properties["regionDetails"]] == ["eastus"]
    assert properties["regionsBeingRemoved"] == [
        {"location": "westus", "provisioningState": "Removing", "message": "Away."}
    ]


@pytest.mark.parametrize("odd", [[], {}, 0, "false", True])
async def test_blobs_are_never_public(odd: object, door: Door) -> None:
    """Whatever is asked for instead of false is refused."""
    details = [region("eastus", {"allowBlobPublicAccess": odd})]
    answer = await door.put(location="eastus", properties={"regionDetails": details})

    place = "properties.regionDetails[0].storageAccountDetails[0].systemCreatedStorageAccount.allowBlobPublicAccess"
    assert answer.problem == (400, "InvalidValue", place)


@pytest.mark.parametrize(
    ("field", "value", "status", "code"),
    [
        ("location", "westus", 409, "PrimaryLocationImmutable"),
        ("location", 5, 400, "WrongType"),
        ("location", "East US", 200, None),
        ("name", "Other1", 400, "NameMismatch"),
        ("name", "Demo1", 200, None),
    ],
)
async def test_a_patch_contradicts_nothing(
    field: str, value: object, status: int, code: str | None, door: Door
) -> None:
    """What a PATCH may repeat it may not change."""
    await door.put(location="eastus", properties={})
    answer = await door.ask("PATCH", f"{GROUP}/Demo1", {field: value, "tags": {"a": "b"}})

    assert answer.status == status
    assert code is None or answer.body["error"]["code"] == code


async def test_a_patch_changes_tags_alone(door: Door) -> None:
    """Tags are merged, null takes one away; identity and sku are ignored, and what only PUT changes is refused."""
    await door.put(location="eastus", tags={"a": "1", "b": "2"})
    ignored = {"identity": {"type": "None"}, "sku": {"name": "S1"}, "kind": "x", "location": "eastus", "properties": {}}

    async def patch(**body: object) -> Any:
        return await door.ask("PATCH", f"{GROUP}/Demo1", body)

    assert (await patch(tags={"a": None, "c": "3"}, **ignored)).body["tags"] == {"b": "2", "c": "3"}
    assert (await patch(**ignored)).body["tags"] == {"b": "2", "c": "3"}
    disabled = await patch(properties={"publicNetworkAccess": "Disabled"})
    assert disabled.problem == (400, "UnknownField", "properties.publicNetworkAccess")
    alone = await patch(properties={"managedResourceGroupTags": {"a": "b"}})
    assert alone.problem == (400, "InvalidValue", "properties.managedResourceGroupTags")
    assert (await patch(tags={"": "x"})).problem[1] == "InvalidTag"
    assert (await door.ask("PATCH", f"{GROUP}/Demo2", {})).problem == (404, "RegistryNotFound", "name")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (f"{GROUP}/Demo1?x", (400, "MissingApiVersionParameter", "api-version")),
        (f"{GROUP}/Demo1?x&Api-Version=2021-01-01", (400, "InvalidApiVersionParameter", "api-version")),
        (f"{GROUP}/Demo1?x&{VERSION}", (400, "UnknownParameter", "x")),
        (f"{GROUP}/Demo1?{VERSION}&API-VERSION=2024-04-01", (400, "InvalidParameter", "api-version")),
        (f"{GROUP}?{VERSION}&$skip=AAAA", (400, "InvalidParameter", "$skip")),
        (f"{GROUP}?{VERSION}&$top=1", (400, "UnknownParameter", "$top")),
        (f"{GROUP}/Demo1?", (400, "MissingApiVersionParameter", "api-version")),
        (f"{GROUP}/Demo1?api-version=", (400, "MissingApiVersionParameter", "api-version")),
        (f"{GROUP}/Demo1?api-version=2021-01-01", (400, "InvalidApiVersionParameter", "api-version")),
        (LIST.replace(SUBSCRIPTION, "mine"), (400, "InvalidSubscriptionId", "subscriptionId")),
        (GROUP.replace("/ml/", "/m,l/"), (400, "InvalidParameter", "resourceGroupName")),
        (f"{GROUP}/Demo1", (404, "RegistryNotFound", "name")),
        (f"{GROUP}/Demo1/models", (404, "ResourceNotFound", None)),
        (GROUP.replace("registries", "workspaces"), (404, "ResourceNotFound", None)),
        (GROUP.replace("MachineLearningServices", "Storage"), (404, "ResourceNotFound", None)),
        (f"{GROUP}/Demo1/removeRegions", (405, "MethodNotAllowed", None)),
        (
            f"subscriptions/{SUBSCRIPTION}/{PROVIDER}/locations/eastus/registryOperationsStatus/demo1.1",
            (404, "OperationNotFound", "id"),
        ),
        (
            f"subscriptions/{SUBSCRIPTION}/{PROVIDER}/locations/eastus/registryOperationsStatus/demo1.1?{VERSION}&type=x",
            (400, "InvalidParameter", "type"),
        ),
    ],
)
async def test_addresses_that_lead_nowhere(path: str, problem: tuple[int, str, str | None], door: Door) -> None:
    """What is wrong with an address is told; the versions that are served are listed."""
    answer = await door.ask("GET", path)

    assert answer.problem == problem
    if "ApiVersion" in problem[1]:
        assert all(version in answer.body["error"]["message"] for version in VERSIONS)


async def test_addresses_have_no_case(door: Door) -> None:
    """Subscription, group, provider, name and query are understood in any case, and shown as they were made."""
    await door.put(location="eastus")

    for path in (f"{GROUP}/Demo1".lower(), f"{GROUP}/Demo1".upper()):
        assert (await door.ask("GET", f"{path}?{VERSION}")).body["id"] == f"/{GROUP}/Demo1"
    assert len((await door.ask("GET", LIST.lower())).body["value"]) == 1
    assert (await door.ask("GET", f"{LIST}?API-Version=2024-04-01")).status == 200
    assert (await door.ask("GET", GROUP.replace("/ml/", "/other/"))).body == {"value": []}


async def test_lists_lead_from_page_to_page(door: Door) -> None:
    """The next page's address is absolute and keeps its list, whatever api-version a client writes into it."""
    names = [f"demo-{number:03}" for number in range(53)]
    for name in names:
        await door.put(name, location="eastus")
    for path in (LIST, GROUP):
        first = await door.ask("GET", path)
        second = await door.ask("GET", first.body["nextLink"].replace("2024-04-01", VERSIONS[0]))

        assert first.body["nextLink"].startswith(f"{URL}/{path}?")
        assert [each["name"] for each in first.body["value"] + second.body["value"]] == names
        assert "nextLink" not in second.body
    foreign = await door.ask("GET", first.body["nextLink"].replace("/ml/", "/other/"))
    assert foreign.problem == (400, "InvalidParameter", "$skip")


async def test_an_operation_that_ends_badly_says_why(door: Door) -> None:
    """A canceled operation is so in both addresses, the final one a plain refusal that nobody tries again."""
    created = await door.put(location="eastus")
    operation = created.headers["azure-asyncoperation"].partition("?")[0].rpartition("/")[2]
    await door.ask("POST", f"operations/{operation}/cancel?")
    status = await door.ask("GET", created.headers["azure-asyncoperation"])
    final = await door.ask("GET", created.headers["location"])

    assert (status.status, status.body["status"], status.body["error"]["code"]) == (
        200,
        "Canceled",
        "OperationCanceled",
    )
    assert (final.status, final.body["error"]["code"]) == (409, "OperationCanceled")


async def test_a_deletion_is_shown_while_it_lasts(door: Door) -> None:
    """A registry that is losing its resources is readable at every step, and refuses changes."""
    await door.ask("PUT", f"{GROUP}/Demo1", recorded())
    await door.world.settle()
    deleted = await door.ask("DELETE", f"{GROUP}/Demo1")
    again = await door.ask("DELETE", f"{GROUP}/Demo1")

    assert again.headers["azure-asyncoperation"] == deleted.headers["azure-asyncoperation"]
    assert (await door.get()).body["properties"]["provisioningState"] == "Deleting"
    assert (await door.ask("PUT", f"{GROUP}/Demo1", recorded())).problem[:2] == (409, "RegistryBeingDeleted")


async def test_conditions_are_kept(door: Door) -> None:
    """If-Match and If-None-Match hold at this door as well."""
    await door.put(location="eastus")
    put = {"location": "eastus", "tags": {"a": "b"}}

    assert (await door.ask("PUT", f"{GROUP}/Demo1", put, if_none_match="*")).problem[:2] == (412, "PreconditionFailed")
    assert (await door.ask("DELETE", f"{GROUP}/Demo1", if_match='"x"')).problem[:2] == (412, "PreconditionFailed")


async def test_only_json_is_taken(door: Door) -> None:
    """Another type is refused with the header to send; what is no mapping, or cannot be read, as well."""
    address = f"{GROUP}/Demo1"
    assert (await door.ask("PUT", address, {}, content_type="text/yaml")).problem[:2] == (415, "UnsupportedMediaType")
    assert (await door.ask("PUT", address, [])).problem[:2] == (400, "InvalidDocument")
    assert (await door.ask("PUT", address)).problem[:2] == (400, "InvalidDocument")


class _Readers:
    """Everybody is Reader of the group `ml`."""

    async def permissions_of(self, caller: Caller, subscription_id: str) -> Permissions:
        """Return what a caller may do."""
        del caller
        return Permissions([Grant(BUILT_IN["Reader"], f"/subscriptions/{subscription_id}/resourceGroups/ml")])


async def test_the_address_is_the_scope_that_roles_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not is refused before it is told whether there is something, by the scope in the address."""
    door = open_door(monkeypatch, World(roles=_Readers()))
    other = GROUP.replace("/ml/", "/other/")

    assert (await door.get()).problem[:2] == (404, "RegistryNotFound")
    assert (await door.ask("GET", f"{other}/Demo1")).problem[:2] == (403, "AuthorizationFailed")
    assert (await door.ask("GET", other)).problem[:2] == (403, "AuthorizationFailed")
    assert (await door.ask("GET", GROUP)).body == {"value": []}
    for method, path in (("PUT", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/removeRegions")):
        answer = await door.ask(method, f"{GROUP}/Demo1{path}", {"tags": {}} if method == "PATCH" else recorded())
        assert answer.problem[:2] == (403, "AuthorizationFailed")
        assert "/resourceGroups/ml'" in answer.body["error"]["message"]


async def test_a_registry_is_discovered_by_its_name(door: Door) -> None:
    """Discovery needs no subscription, and leads asset clients to an address that ends in a slash."""
    created = await door.ask("PUT", f"{GROUP}/Demo1", recorded())
    address = created.body["properties"]["discoveryUrl"]

    assert (await door.ask("GET", f"{address}?api-version=v1.0")).body == {
        "registryName": "Demo1",
        "tenantId": door.app.settings.tenant,
        "primaryRegion": "eastus",
        "regions": ["eastus", "westus"],
        "subscriptionId": SUBSCRIPTION,
        "resourceGroup": "ml",
        "primaryRegionResourceProviderUri": f"{URL}/",
    }
    assert (await door.ask("GET", address.replace("Demo1", "Demo2"))).problem[:2] == (404, "RegistryNotFound")


async def test_the_cloud_is_here(door: Door) -> None:
    """Clients look for the Resource Manager's address in the one that they have asked for metadata."""
    address = f"{URL}/metadata/endpoints?api-version=2019-05-01"
    (cloud,) = (await door.ask("GET", address)).body

    assert cloud["resourceManager"] == URL
    assert cloud["resourceManager"] in address
    assert cloud["authentication"]["loginEndpoint"] == "https://login.microsoftonline.com/"
