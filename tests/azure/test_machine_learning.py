"""A registry's life where it is handed over to Azure Machine Learning: what is asked for, and what is shown."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from devstack.azurite import Azurite
from devstack.resource_manager.running import RunningResourceManager
from registry_api.domain.drift import CHECK_INTERVAL
from registry_api.domain.placement import Placement
from registry_api.domain.problems import Refusal
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.resources import ResourceState
from registry_api.http.resource_manager.rendering import registry_resource
from registry_api.service.backend import BackendError
from registry_api.service.showing import view_of
from registry_api.service.views import content_of
from registry_api.settings import Settings
from registry_api.startup import SettingsError
from tests.azure.learning import DELEGATED, PATH, LearningWorld, converged
from tests.azure.world import SUBSCRIPTION
from tests.domain.registries import region_states
from tests.live import RunningApp, follow


@pytest.fixture
async def learning(azure: RunningResourceManager) -> AsyncIterator[LearningWorld]:
    """Yield a control plane that hands registries over, each visit made by another process."""
    async with LearningWorld(azure) as world:
        world.is_forgetful = True
        yield world


async def test_a_whole_life(learning: LearningWorld) -> None:
    """It is one PUT to make it, one to add a region, one action to remove one, one DELETE; nothing else is made."""
    before = learning.things()
    await converged(learning, "eastus", "westus")
    await converged(learning, "eastus", "westus", "northeurope")
    await converged(learning, "eastus", "northeurope")
    asked = [(entry["method"], entry["path"], entry["status"]) for entry in learning.requests("PUT", "POST", "DELETE")]

    assert asked == [("PUT", PATH, 202), ("PUT", PATH, 202), ("POST", f"{PATH}/removeRegions", 202)]
    await learning.delete()
    await learning.settle()
    assert learning.things() == before
    assert [entry["status"] for entry in learning.requests("DELETE")] == [202]
    with pytest.raises(Refusal, match="no registry named"):
        await learning.read()


async def test_names_are_those_of_the_real_service(learning: LearningWorld) -> None:
    """Both doors tell no account and no group before it has a name, and then what the real registry tells."""
    await learning.put("eastus", "westus")
    registry = await learning.read()
    assert content_of(view_of(registry))["status"]["container_registry"] is None
    early = registry_resource(registry, "").properties
    assert "managed_resource_group" not in early.model_fields_set
    assert [(one.storage_account_details, one.acr_details) for one in early.region_details] == [([], [])] * 2
    await learning.settle()
    registry, real = await learning.read(), learning.things()[PATH]["properties"]

    told, shown = content_of(view_of(registry))["status"], registry_resource(registry, "").properties
    assert shown.managed_resource_group is not None
    assert shown.managed_resource_group.resource_id == real["managedResourceGroup"]["resourceId"]
    for mine, one, region in zip(shown.region_details, real["regionDetails"], told["regions"], strict=True):
        account = one["storageAccountDetails"][0]["systemCreatedStorageAccount"]
        copy = one["acrDetails"][0]["systemCreatedAcrAccount"]
        assert mine.location == region["location"] == one["location"]
        storage = mine.storage_account_details[0].system_created_storage_account
        assert storage.storage_account_name == region["storage_accounts"][0]["name"] == account["storageAccountName"]
        assert storage.arm_resource_id.resource_id == account["armResourceId"]["resourceId"]
        assert mine.acr_details[0].system_created_acr_account.acr_account_name == copy["acrAccountName"]


async def test_drift_is_found_and_repaired(learning: LearningWorld) -> None:
    """A region too many goes, and what a PUT can mend is mended."""
    await converged(learning, "eastus")
    thing = learning.things()[PATH]
    extra = {"location": "westus", "storageAccountDetails": [], "acrDetails": []}
    details = [*thing["properties"]["regionDetails"], extra]
    learning.change_thing(PATH, properties={"publicNetworkAccess": "Disabled", "regionDetails": details})
    learning.advance(CHECK_INTERVAL.total_seconds())
    await learning.tick()
    await learning.settle()

    assert (await learning.read()).state is ProvisioningState.SUCCEEDED
    assert learning.regions() == ["eastus"]
    assert learning.things()[PATH]["properties"]["publicNetworkAccess"] == "Enabled"


async def test_what_is_not_ours_is_left_alone(learning: LearningWorld) -> None:
    """Somebody else's registry of that name is neither adopted nor removed, and the operation says why it failed."""
    foreign = {"location": "eastus", "tags": {"owner": "somebody"}, "properties": {"regionDetails": []}}
    foreign["properties"] |= {"managedResourceGroup": {"resourceId": "/subscriptions/x/resourceGroups/y"}}  # type: ignore[operator]
    learning.put_thing(PATH, "Microsoft.MachineLearningServices/registries", foreign)
    await learning.put("eastus")
    await learning.settle()
    registry = await learning.read()

    assert registry.state is ProvisioningState.FAILED
    assert registry.operation.error is not None
    assert "does not belong to this registry" in registry.operation.error.message
    assert {resource.name for resource in registry.resources} == {"Demo1", ""}  # nothing is named in Azure's place
    await learning.delete()
    await learning.settle()
    assert learning.requests("PUT", "POST", "DELETE") == []
    assert learning.things()[PATH]["tags"] == {"owner": "somebody"}


async def test_a_refusal_is_told_and_the_old_stays(learning: LearningWorld) -> None:
    """A region is refused for good: the operation ends with Azure's words, what is there stays, a retry mends it."""
    await converged(learning, "eastus")
    message = "westus is not available; choose eastus or northeurope."
    learning.fail("PUT", "/registries/", 400, "LocationNotAvailableForResourceType", message=message, count=99)
    await learning.put("eastus", "westus")
    await learning.settle()
    registry = await learning.read()

    assert registry.state is ProvisioningState.FAILED
    assert registry.operation.error is not None
    assert message in registry.operation.error.message
    assert region_states(registry) == {"eastus": ResourceState.FAILED, "westus": ResourceState.PENDING}
    learning.azure.control("DELETE", "faults")
    await converged(learning, "eastus", "westus")


@pytest.mark.parametrize(
    ("status", "code", "more"),
    [
        (429, "TooManyRequests", {"headers": {"Retry-After": "60"}}),
        (409, "AnotherOperationInProgress", {}),
        (502, "BadGateway", {"after": True}),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
async def test_what_may_pass_is_tried_again(
    learning: LearningWorld, method: str, status: int, code: str, more: dict[str, Any]
) -> None:
    """Throttling, a registry that is busy and a lost answer put things off and do no harm."""
    before = learning.things()
    learning.fail(method, "/registries/", status, code, count=2, **more)
    await converged(learning, "eastus", "westus")
    await converged(learning, "eastus")
    await learning.delete()
    await learning.settle()

    assert learning.things() == before


async def test_a_refusal_needs_no_time_to_settle(learning: LearningWorld) -> None:
    """A deletion that Azure was too busy for has had no effect, so nothing is waited for once the registry is gone."""
    await converged(learning, "eastus")
    before = learning.clock.now()
    learning.fail("DELETE", "/registries/", 409, "AnotherOperationInProgress")
    await learning.delete()
    await learning.settle()

    assert learning.clock.now() - before < timedelta(minutes=1)
    assert [entry["status"] for entry in learning.requests("DELETE")] == [409, 202]


async def test_registries_of_another_backend_are_left_alone(learning: LearningWorld) -> None:
    """What was made resource by resource is not looked for in Azure Machine Learning."""
    await learning.put("eastus")
    registry = await learning.read()
    other = registry.model_copy(update={"placement": Placement(subscription_id=SUBSCRIPTION, resource_group="shared")})
    with pytest.raises(BackendError, match="another backend"):
        await learning.worker.observe(other, registry.resources[0])


def test_the_whole_app_hands_registries_over(own_azurite: Azurite, azure: RunningResourceManager, name: str) -> None:
    """The app under the host has one registry made there and removed, and nothing else; the group stays."""
    settings = azure.delegated_environment()
    before = azure.control("GET", "things")
    azure.control("PATCH", "cloud", {"ml_registry": 0})
    with RunningApp.start(own_azurite, **settings) as app, app.client() as client:
        created = client.put(f"registries/{name}", json={"location": "eastus"})
        assert created.status_code == 201, created.text
        assert follow(client, created.headers["operation-location"])["status"] == "Succeeded"
        (made,) = [thing for thing in azure.control("GET", "things") if thing not in before]
        status = client.get(f"registries/{name}").json()["status"]
        assert (made["type"], made["name"]) == ("Microsoft.MachineLearningServices/registries", name)
        assert made["properties"]["managedResourceGroup"]["resourceId"].endswith(status["managed_resource_group"])

        deleted = client.delete(f"registries/{name}")
        assert follow(client, deleted.headers["operation-location"])["status"] == "Succeeded"
        assert azure.control("GET", "things") == before


def test_settings_ask_for_a_group() -> None:
    """Registries of Azure Machine Learning need a group that is there, and are placed in it."""
    given = {
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "REGISTRY_BACKEND": "azureml",
        "REGISTRY_AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
    }
    with pytest.raises(SettingsError, match="REGISTRY_AZURE_RESOURCE_GROUP must name a group"):
        Settings.read(given)

    assert Settings.read(given | {"REGISTRY_AZURE_RESOURCE_GROUP": "shared"}).placement == DELEGATED
