"""What Azure refuses, and what becomes of it: another name, a rest, another try, or a cause that is told."""

from datetime import timedelta
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.identity import CredentialUnavailableError

from registry_api.domain.plan import Action, Verb
from registry_api.domain.problems import Refusal
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.resources import FailureKind, Kind, Resource, ResourceState
from registry_api.provisioning.arm import ResourceManager
from registry_api.provisioning.azure import AzureBackend
from registry_api.service.backend import BackendError
from tests.azure.world import AzureWorld, Token
from tests.domain.registries import region_states

ACCOUNTS = "Microsoft.Storage/storageAccounts"
REGISTRIES = "Microsoft.ContainerRegistry/registries"


async def resource_of(world: AzureWorld, kind: Kind, region: str = "eastus") -> Resource:
    """Return one of the registry's resources."""
    return next(one for one in (await world.read()).resources if one.key == (kind, region, 0))


@pytest.mark.parametrize(
    ("kind", "azure_type"), [(Kind.STORAGE_ACCOUNT, ACCOUNTS), (Kind.CONTAINER_REGISTRY, REGISTRIES)]
)
async def test_a_name_that_somebody_has_is_replaced(world: AzureWorld, kind: Kind, azure_type: str) -> None:
    """The next name is stored and used, and replicas follow the name of their container registry."""
    await world.put("eastus", "westus")
    first = await resource_of(world, kind)
    world.azure.control("POST", "taken", {"type": azure_type, "name": first.name})
    await world.settle()
    second = await resource_of(world, kind)

    assert (await world.read()).state is ProvisioningState.SUCCEEDED
    assert (second.attempt, second.name == first.name) == (1, False)
    assert await world.differences() == []


@pytest.mark.parametrize("kind", [Kind.RESOURCE_GROUP, Kind.STORAGE_ACCOUNT, Kind.CONTAINER_REGISTRY])
async def test_what_is_not_ours_is_never_adopted_nor_deleted(world: AzureWorld, kind: Kind) -> None:
    """Something under our very id without our tags is left as it is, in life and at the end; another name is taken."""
    await world.put("eastus")
    wanted = await world.description(kind)
    if kind is not Kind.RESOURCE_GROUP:
        group = await world.description(Kind.RESOURCE_GROUP)
        world.put_thing(group.id, "Microsoft.Resources/resourceGroups", dict(group.body))
    azure_type = {Kind.STORAGE_ACCOUNT: ACCOUNTS, Kind.CONTAINER_REGISTRY: REGISTRIES}.get(kind, "group")
    foreign = {"location": "eastus", "tags": {"owner": "somebody"}, "sku": {"name": "Basic"}}
    world.put_thing(wanted.id, azure_type, foreign)
    await world.settle()

    assert (await world.read()).state is ProvisioningState.SUCCEEDED
    assert world.things()[wanted.id]["tags"] == {"owner": "somebody"}
    await world.delete()
    await world.settle(600) if kind is Kind.RESOURCE_GROUP else await _try_to_settle(world)
    assert world.things()[wanted.id]["sku"] == {"name": "Basic"}
    assert wanted.id not in [entry["path"] for entry in world.requests("PUT", "DELETE")]


async def _try_to_settle(world: AzureWorld) -> None:
    """Let some minutes pass: a group is not removed while there is something in it that is not ours."""
    with pytest.raises(AssertionError, match="still coming"):
        await world.settle(240)
    registry = await world.read()
    assert registry.state is ProvisioningState.DELETING
    assert [resource.kind for resource in registry.resources] == [Kind.RESOURCE_GROUP]
    failure = registry.resources[0].failure
    assert failure is not None
    assert "is not empty and therefore left alone" in failure.message


async def test_a_throttling_azure_is_left_alone_for_as_long_as_it_says(world: AzureWorld) -> None:
    """A 429 with Retry-After puts the next request for that resource off; nobody sleeps, and the others go on."""
    await world.put("eastus", "westus")
    account = await world.description(Kind.STORAGE_ACCOUNT, "westus")
    world.fail("PUT", account.id, 429, "TooManyRequests", headers={"Retry-After": "120"})
    began = world.clock.now()
    while not await world.work_once():
        world.advance(1)
    resting = await resource_of(world, Kind.STORAGE_ACCOUNT, "westus")

    assert world.clock.now() - began < timedelta(seconds=10)
    assert resting.rests_until is not None
    assert resting.rests_until - world.clock.now() >= timedelta(seconds=110)
    seconds = await world.settle()
    assert (await world.read()).state is ProvisioningState.SUCCEEDED
    assert seconds >= 110
    assert [entry["status"] for entry in world.requests("PUT") if entry["path"] == account.id] == [429, 202]


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (403, "RequestDisallowedByPolicy", "Policy 'allowed-locations' forbids it."),
        (400, "LocationNotAvailableForResourceType", "Available are westeurope, northeurope."),
    ],
)
async def test_what_needs_somebody_to_act_ends_at_once_with_its_cause(
    world: AzureWorld, status: int, code: str, message: str
) -> None:
    """One region is refused: the others become ready, the operation fails with Azure's words, and a retry mends it."""
    await world.put("eastus", "westus")
    account = await world.description(Kind.STORAGE_ACCOUNT, "westus")
    world.fail("PUT", account.id, status, code, message=message, count=99)
    seconds = await world.settle()
    registry = await world.read()

    assert registry.state is ProvisioningState.FAILED
    assert seconds < 300
    assert registry.operation.error is not None
    assert code in registry.operation.error.message
    assert message in registry.operation.error.message
    assert region_states(registry) == {"eastus": ResourceState.READY, "westus": ResourceState.FAILED}
    assert len([entry for entry in world.requests("PUT") if entry["path"] == account.id]) == 1

    world.azure.control("DELETE", "faults")
    await world.put("eastus", "westus")
    await world.settle()
    assert (await world.read()).state is ProvisioningState.SUCCEEDED
    assert await world.differences() == []


@pytest.mark.parametrize(
    ("method", "status", "code"),
    [
        ("PUT", 409, "AnotherOperationInProgress"),
        ("DELETE", 409, "AnotherOperationInProgress"),
        ("GET", 503, "ServiceUnavailable"),
    ],
)
async def test_what_may_pass_is_tried_again(world: AzureWorld, method: str, status: int, code: str) -> None:
    """Some requests of each kind fail, and the registry comes and goes nevertheless."""
    world.fail(method, "/providers/", status, code, count=3)
    await world.put("eastus")
    await world.settle()
    assert (await world.read()).state is ProvisioningState.SUCCEEDED
    await world.delete()
    await world.settle()

    assert world.things() == {}


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_lost_answer_does_no_harm(world: AzureWorld, method: str) -> None:
    """Requests take effect, but their answers are lost: nothing is made twice and nothing is left."""
    world.fail(method, ".", 502, "BadGateway", count=4, after=True)
    await world.put("eastus", "westus")
    await world.settle()
    assert await world.differences() == []
    await world.delete()
    await world.settle()

    assert world.things() == {}


async def test_an_unregistered_provider_is_registered(world: AzureWorld) -> None:
    """A subscription that never had a storage account is told to know them, and is left alone for a while."""
    refused = {"message": "The subscription is not registered to use namespace 'Microsoft.Storage'."}
    world.fail("PUT", "/storageAccounts/", 409, "MissingSubscriptionRegistration", **refused)
    await world.put("eastus")
    await world.settle()

    assert (await world.read()).state is ProvisioningState.SUCCEEDED
    assert [entry["path"].rpartition("/providers/")[2] for entry in world.requests("POST")] == [
        "microsoft.storage/register"
    ]


async def test_a_subscription_that_is_away_is_not_an_absence(world: AzureWorld) -> None:
    """When Azure does not know the subscription, nothing is taken for gone: a deletion does not forget anything."""
    await world.put("eastus")
    await world.settle()
    before = world.things()
    world.fail("GET", ".", 404, "SubscriptionNotFound", count=1000)
    await world.delete()
    await world.settle()
    registry = await world.read()

    assert registry.state is ProvisioningState.FAILED
    assert len(registry.resources) == 3
    assert world.things() == before


async def test_an_immutable_difference_is_told(world: AzureWorld) -> None:
    """What cannot be repaired in place fails for good and says so."""
    await world.put("eastus")
    await world.settle()
    account = await world.description(Kind.STORAGE_ACCOUNT)
    world.change_thing(account.id, properties={"isHnsEnabled": True, "allowSharedKeyAccess": True})
    with pytest.raises(BackendError) as raised:
        await world.worker.start(
            await world.read(), Action(Verb.REPAIR, await resource_of(world, Kind.STORAGE_ACCOUNT))
        )

    assert raised.value.failure.kind is FailureKind.PERMANENT
    assert "isHnsEnabled" in raised.value.failure.message


async def test_a_registry_of_another_backend_is_left_alone(world: AzureWorld) -> None:
    """A registry without a place on Azure is not looked for there."""
    await world.put("eastus")
    registry = await world.read()
    with pytest.raises(BackendError, match="another backend"):
        await world.worker.observe(registry.model_copy(update={"placement": None}), registry.resources[0])


async def test_when_the_group_is_gone_everything_is(world: AzureWorld) -> None:
    """Somebody removed the whole group: a deletion finds nothing left to do."""
    await world.put("eastus", "westus")
    await world.settle()
    world.remove_thing((await world.description(Kind.RESOURCE_GROUP)).id)
    await world.delete()
    await world.settle()

    with pytest.raises(Refusal, match="no registry named"):
        await world.read()
    assert world.requests("DELETE") == []


async def test_azure_that_does_not_answer_is_told(world: AzureWorld) -> None:
    """Nobody listens: the failure may pass, and says which resource it is about."""
    await world.put("eastus")
    registry = await world.read()
    manager = ResourceManager("https://127.0.0.1:1", Token(), world.clock)
    try:
        with pytest.raises(BackendError, match=f"'{registry.resources[0].name}'.*does not answer") as raised:
            await AzureBackend(manager, world.clock).observe(registry, registry.resources[0])
    finally:
        await manager.close()

    assert raised.value.failure.kind is FailureKind.TRANSIENT


async def test_without_an_access_token_nothing_secret_is_told(world: AzureWorld) -> None:
    """A credential that fails is told as that; its own words are for the log."""

    class Broken(Token):
        async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            del scopes, options
            raise CredentialUnavailableError(message="hunter2")

    await world.put("eastus")
    registry = await world.read()
    manager = ResourceManager(world.azure.url, Broken(), world.clock)
    try:
        with pytest.raises(BackendError, match="has got no access token") as raised:
            await AzureBackend(manager, world.clock).observe(registry, registry.resources[0])
    finally:
        await manager.close()

    assert "hunter2" not in raised.value.failure.message
