"""The stand-in for Azure Resource Manager keeps its contract, asked with plain https by another client than ours."""

import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from devstack.resource_manager.running import RunningResourceManager

GROUP = "/subscriptions/s/resourceGroups/g"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/account"
REGISTRY = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/registry"
AUTHORIZATION = "/providers/Microsoft.Authorization"
VERSION = {"api-version": "2025-04-01"}
STORAGE_BODY = {"location": "eastus", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}}
REGISTRY_BODY = {"location": "eastus", "sku": {"name": "Premium"}, "properties": {}}


class Arm(httpx.Client):
    """A client that names the version of the API, unless the address does."""

    def request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Response:
        """Send a request."""
        if "api-version" not in str(url):
            options["params"] = {**VERSION, **(options.get("params") or {})}
        return super().request(method, url, **options)


@pytest.fixture
def arm(azure: RunningResourceManager) -> Iterator[httpx.Client]:
    """Yield a client of the stand-in, in which there is one resource group."""
    with Arm(
        base_url=azure.url,
        verify=ssl.create_default_context(cafile=str(azure.authority)),
        headers={"Authorization": "Bearer token"},
        trust_env=False,
    ) as client:
        client.put(GROUP, json={"location": "eastus"}).raise_for_status()
        yield client


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]


def test_it_asks_for_a_token_and_a_version(azure: RunningResourceManager) -> None:
    """Without a bearer token it is 401, without a version of the API 400."""
    context = ssl.create_default_context(cafile=str(azure.authority))
    with httpx.Client(base_url=azure.url, verify=context, trust_env=False) as client:
        assert code_of(client.get(GROUP, params=VERSION)) == (401, "AuthenticationFailed")
        bearer = {"Authorization": "Bearer x"}
        assert code_of(client.get(GROUP, headers=bearer)) == (400, "MissingApiVersionParameter")


def test_nobody_trusts_it_without_its_authority(azure: RunningResourceManager) -> None:
    """Its certificate is its own: who does not know it does not connect."""
    with httpx.Client(base_url=azure.url, trust_env=False) as client, pytest.raises(httpx.ConnectError):
        client.get(GROUP)


def test_a_storage_account_takes_its_time(azure: RunningResourceManager, arm: httpx.Client) -> None:
    """202 without a body and a Location, then the account; again with another location is a conflict."""
    accepted = arm.put(ACCOUNT, json=STORAGE_BODY)
    assert (accepted.status_code, accepted.content) == (202, b"")
    assert arm.get(accepted.headers["location"]).status_code == 202
    assert arm.get(ACCOUNT).json()["properties"]["provisioningState"] == "Creating"
    assert code_of(arm.put(ACCOUNT, json=STORAGE_BODY)) == (409, "StorageAccountOperationInProgress")

    azure.control("POST", "clock", {"advance": 10})
    assert arm.get(accepted.headers["location"]).json()["name"] == "account"
    assert arm.get(ACCOUNT.upper()).json()["properties"]["provisioningState"] == "Succeeded"
    assert code_of(arm.put(ACCOUNT, json={**STORAGE_BODY, "location": "westus"})) == (409, "InvalidResourceLocation")
    elsewhere = ACCOUNT.replace("/g/", "/other/")
    assert code_of(arm.put(elsewhere, json=STORAGE_BODY)) == (404, "ResourceGroupNotFound")
    arm.put("/subscriptions/s/resourceGroups/other", json={"location": "eastus"})
    assert code_of(arm.put(elsewhere, json=STORAGE_BODY)) == (409, "StorageAccountInAnotherResourceGroup")
    assert arm.delete(ACCOUNT).status_code == 200
    assert arm.delete(ACCOUNT).status_code == 204


def test_a_replication_has_its_own_mind(azure: RunningResourceManager, arm: httpx.Client) -> None:
    """201 with Azure-AsyncOperation; the home cannot be removed; one made again too soon fails later."""
    assert arm.put(REGISTRY, json=REGISTRY_BODY).status_code == 200
    replica = f"{REGISTRY}/replications/westus"
    made = arm.put(replica, json={"location": "westus", "properties": {}})
    assert made.status_code == 201
    status = made.headers["azure-asyncoperation"]
    assert arm.get(status).json() == {"status": "Creating"}
    azure.control("POST", "clock", {"advance": 10})
    assert arm.get(status).json() == {"status": "Succeeded"}
    home = f"{REGISTRY}/replications/eastus"
    assert code_of(arm.delete(home)) == (400, "HomeReplicationCannotBeDeleted")

    removed = arm.delete(replica)
    assert removed.status_code == 202
    assert removed.headers["location"].partition("/subscriptions/s/providers/")[1]
    azure.control("POST", "clock", {"advance": 5})
    assert arm.get(removed.headers["location"]).status_code == 200
    assert arm.get(replica).status_code == 404
    assert arm.put(replica, json={"location": "westus", "properties": {}}).status_code == 201
    azure.control("POST", "clock", {"advance": 10})
    assert arm.get(replica).json()["properties"]["provisioningState"] == "Failed"


def test_a_group_goes_with_everything_in_it(azure: RunningResourceManager, arm: httpx.Client) -> None:
    """202, then nothing is left; meanwhile nothing can be made in it."""
    arm.put(REGISTRY, json=REGISTRY_BODY)
    assert arm.delete(GROUP).status_code == 202
    assert code_of(arm.put(REGISTRY, json=REGISTRY_BODY)) == (409, "ResourceGroupBeingDeleted")
    azure.control("POST", "clock", {"advance": 10})
    assert azure.control("GET", "things") == []


def test_lists_come_in_pages(arm: httpx.Client) -> None:
    """Every list leads on by nextLink, which can be followed as it is."""
    arm.put(REGISTRY, json=REGISTRY_BODY)
    for region in ("westus", "northeurope"):
        arm.put(f"{REGISTRY}/replications/{region}", json={"location": region, "properties": {}})
    first = arm.get(f"{REGISTRY}/replications").json()
    second = arm.get(first["nextLink"]).json()

    assert [len(first["value"]), len(second["value"])] == [2, 1]
    assert "nextLink" not in second


def test_faults_come_by_script_and_everything_is_logged(azure: RunningResourceManager, arm: httpx.Client) -> None:
    """A fault strikes as often as it says, with its headers, and the log has every request."""
    fault = {"method": "GET", "path": "resourceGroups", "status": 429, "code": "Busy", "headers": {"Retry-After": "3"}}
    azure.control("POST", "faults", {**fault, "count": 1})
    refused = arm.get(GROUP)
    assert code_of(refused) == (429, "Busy")
    assert refused.headers["retry-after"] == "3"
    assert arm.get(GROUP).status_code == 200
    logged = [(entry["method"], entry["status"]) for entry in azure.control("GET", "log")]

    assert logged == [("PUT", 201), ("GET", 429), ("GET", 200)]


def assignment(principal: str, scope: str, role: str) -> dict[str, Any]:
    """Return a role assignment as Azure shows it."""
    definition = f"/subscriptions/s{AUTHORIZATION}/roleDefinitions/{role}"
    properties = {"principalId": principal, "scope": scope, "roleDefinitionId": definition, "condition": None}
    return {"id": f"{scope}{AUTHORIZATION}/roleAssignments/{principal}{role}", "properties": properties}


def test_who_may_do_what(azure: RunningResourceManager, arm: httpx.Client) -> None:
    """Assignments are found through groups, from above and from below; definitions by id; denials too."""
    reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    deny = {"id": "d", "properties": {"scope": GROUP, "principals": [{"id": "team"}], "permissions": []}}
    azure.control(
        "PUT",
        "authorization",
        {
            "role_assignments": [
                assignment("ada", GROUP, reader),
                assignment("team", "/subscriptions/s", reader),
                assignment("ada", "/providers/Microsoft.Management/managementGroups/root", reader),
                assignment("ada", "/subscriptions/other", reader),
                assignment("bob", "/subscriptions/s", reader),
            ],
            "deny_assignments": [deny],
            "groups": {"ada": ["team"]},
        },
    )
    to_ada = {"$filter": "assignedTo('ada')"}
    first = arm.get(f"/subscriptions/s{AUTHORIZATION}/roleAssignments", params=to_ada).json()
    second = arm.get(first["nextLink"]).json()
    at_scope = {"$filter": "atScope() and assignedTo('ada')"}
    above = arm.get(f"/subscriptions/s{AUTHORIZATION}/roleAssignments", params=at_scope).json()["value"]
    definition = arm.get(first["value"][0]["properties"]["roleDefinitionId"]).json()

    assert [entry["properties"]["scope"] for entry in first["value"] + second["value"]] == [
        GROUP,
        "/subscriptions/s",
        "/providers/Microsoft.Management/managementGroups/root",
    ]
    assert len(above) == 2
    assert definition["properties"]["permissions"][0]["actions"] == ["*/read"]
    assert arm.get(f"/subscriptions/s{AUTHORIZATION}/denyAssignments").json()["value"] == [deny]


def test_it_gives_tokens_as_a_managed_identity_does(azure: RunningResourceManager) -> None:
    """Who knows the header gets a token for what was asked for."""
    address = azure.environment["IDENTITY_ENDPOINT"]
    context = ssl.create_default_context(cafile=str(azure.authority))
    query = {"api-version": "2019-08-01", "resource": "https://storage.azure.com"}
    with httpx.Client(verify=context, trust_env=False) as client:
        assert client.get(address, params=query).status_code == 401
        answer = client.get(address, params=query, headers={"X-IDENTITY-HEADER": "loopback"}).json()

    assert answer["resource"] == "https://storage.azure.com"
    assert answer["access_token"].count(".") == 2
