"""The local backend makes, sees and removes each kind of resource."""

import json

import pytest

from registry_api.domain.plan import Observation, Presence, Verb
from registry_api.domain.resources import Failure, Kind
from registry_api.provisioning import containers
from registry_api.provisioning.containers import BeingDeletedError, Container
from registry_api.service.backend import BackendError
from tests.provisioning.cloud import Cloud, contents, new_registry, resource_of

KINDS = [(Kind.STORAGE_ACCOUNT, "eastus"), (Kind.CONTAINER_REGISTRY, "eastus"), (Kind.REPLICA, "westus")]


@pytest.mark.parametrize(("kind", "region"), KINDS)
async def test_each_kind_comes_and_goes(cloud: Cloud, kind: Kind, region: str) -> None:
    """A resource is absent, ready after its creation, and absent after its deletion, each done twice."""
    registry = new_registry("eastus", "westus")
    resource = resource_of(registry, kind, region)
    if kind is Kind.REPLICA:
        await cloud.start(registry, Verb.CREATE, resource_of(registry, Kind.CONTAINER_REGISTRY))
    assert await cloud.backend.observe(registry, resource) == Observation(Presence.ABSENT)
    for _ in range(2):
        await cloud.start(registry, Verb.CREATE, resource)
        assert (await cloud.backend.observe(registry, resource)).presence is Presence.READY
    for _ in range(2):
        await cloud.start(registry, Verb.DELETE, resource)
        assert await cloud.backend.observe(registry, resource) == Observation(Presence.ABSENT)


async def test_waiting_is_no_work(cloud: Cloud) -> None:
    """Starting to wait changes nothing."""
    registry = new_registry("eastus")
    resource = resource_of(registry, Kind.STORAGE_ACCOUNT)
    await cloud.start(registry, Verb.WAIT, resource)
    assert (await cloud.backend.observe(registry, resource)).presence is Presence.ABSENT


async def test_a_storage_account_is_a_container_in_the_account_of_its_region(cloud: Cloud) -> None:
    """The details lead to a real container, whose metadata say whose it is and what was asked for."""
    registry = new_registry("westus", hns=True)
    resource = resource_of(registry, Kind.STORAGE_ACCOUNT, "westus")
    await cloud.start(registry, Verb.CREATE, resource)
    seen = await cloud.backend.observe(registry, resource)
    account = f"{cloud.endpoint}/localwestus"
    assert seen.details == {
        "account": "localwestus",
        "container": f"{resource.name}-assets",
        "blob_endpoint": account,
        "id": f"{account}/{resource.name}-assets",
    }
    properties = await (await cloud.container(resource)).get_container_properties()
    assert properties.metadata == {
        "tenant": registry.tenant,
        "registry": "made-models",
        "incarnation": registry.incarnation,
        "sku": "Standard_LRS",
        "hierarchicalnamespace": "true",
    }


async def test_the_storage_accounts_of_one_region_are_different_containers(cloud: Cloud) -> None:
    """Removing one of a region's accounts leaves the other."""
    registry = new_registry("eastus", count=2)
    first, second = (resource_of(registry, Kind.STORAGE_ACCOUNT, ordinal=ordinal) for ordinal in (0, 1))
    await cloud.start(registry, Verb.CREATE, first)
    await cloud.start(registry, Verb.CREATE, second)
    await cloud.start(registry, Verb.DELETE, first)
    assert (await cloud.backend.observe(registry, first)).presence is Presence.ABSENT
    assert (await cloud.backend.observe(registry, second)).presence is Presence.READY


async def test_a_container_registry_is_an_empty_image_layout(cloud: Cloud) -> None:
    """A new container registry holds what the image layout specification asks for, and says what it is."""
    registry = new_registry("eastus")
    resource = resource_of(registry, Kind.CONTAINER_REGISTRY)
    await cloud.start(registry, Verb.CREATE, resource)
    layout = await contents(await cloud.container(resource))
    assert json.loads(layout["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads(layout["index.json"])["manifests"] == []
    assert json.loads(layout["registry.json"])["home"] == "eastus"
    seen = await cloud.backend.observe(registry, resource)
    assert seen.details["images"] == "0"
    assert f"http://{seen.details['login_server']}" == seen.details["id"]


@pytest.mark.parametrize("missing", ["index.json", "oci-layout"])
async def test_what_a_layout_misses_is_put_there(cloud: Cloud, missing: str) -> None:
    """A container without an index, or without the marker, is different, and repairing it makes a complete layout."""
    registry = new_registry("eastus")
    resource = resource_of(registry, Kind.CONTAINER_REGISTRY)
    await cloud.start(registry, Verb.CREATE, resource)
    await (await cloud.container(resource)).delete_blob(missing)
    assert (await cloud.backend.observe(registry, resource)).presence is Presence.DIFFERENT
    await cloud.start(registry, Verb.REPAIR, resource)
    assert (await cloud.backend.observe(registry, resource)).presence is Presence.READY


async def test_a_lost_index_is_not_replaced_by_an_empty_one(cloud: Cloud) -> None:
    """A layout with content but without index is left to a person: an empty index would hide the content."""
    registry = new_registry("eastus")
    resource = resource_of(registry, Kind.CONTAINER_REGISTRY)
    await cloud.start(registry, Verb.CREATE, resource)
    container = await cloud.container(resource)
    await container.upload_blob("blobs/sha256/00", b"content")
    await container.delete_blob("index.json")
    with pytest.raises(BackendError, match="has lost its index") as caught:
        await cloud.start(registry, Verb.REPAIR, resource)
    assert caught.value.failure.final
    assert "index.json" not in await contents(container)


async def test_what_is_to_go_need_not_be_readable(cloud: Cloud) -> None:
    """A registry whose index nobody can read is removed like any other."""
    registry = new_registry("eastus")
    resource = resource_of(registry, Kind.CONTAINER_REGISTRY)
    await cloud.start(registry, Verb.CREATE, resource)
    await (await cloud.container(resource)).upload_blob("index.json", b"{", overwrite=True)
    leaving = registry.model_copy(update={"deleting": True})
    assert (await cloud.backend.observe(leaving, resource)).presence is Presence.READY
    await cloud.start(leaving, Verb.DELETE, resource)
    assert (await cloud.backend.observe(leaving, resource)).presence is Presence.ABSENT


async def test_an_unreadable_index_is_told(cloud: Cloud) -> None:
    """An index that is not JSON is a final failure that says where."""
    registry = new_registry("eastus")
    resource = resource_of(registry, Kind.CONTAINER_REGISTRY)
    await cloud.start(registry, Verb.CREATE, resource)
    await (await cloud.container(resource)).upload_blob("index.json", b"{", overwrite=True)
    with pytest.raises(BackendError, match=r"eastus.*its index is malformed") as caught:
        await cloud.backend.observe(registry, resource)
    assert caught.value.failure.final


@pytest.mark.parametrize(("kind", "region"), KINDS)
async def test_what_belongs_to_somebody_else_is_left_alone(cloud: Cloud, kind: Kind, region: str) -> None:
    """A container under our name but of another incarnation is neither adopted nor changed nor deleted."""
    registry = new_registry("eastus", "westus")
    resource = resource_of(registry, kind, region)
    if kind is Kind.REPLICA:
        await cloud.start(registry, Verb.CREATE, resource_of(registry, Kind.CONTAINER_REGISTRY))
    container = await cloud.container(resource)
    foreign = {"tenant": registry.tenant, "registry": "made-models", "incarnation": "another"}
    await container.create_container(metadata=foreign)
    with pytest.raises(BackendError, match="does not belong to this registry") as caught:
        await cloud.backend.observe(registry, resource)
    assert (caught.value.failure.kind, caught.value.failure.code) == ("NameTaken", "ProvisioningFailed")
    for verb in (Verb.CREATE, Verb.REPAIR, Verb.DELETE):
        with pytest.raises(BackendError, match="does not belong to this registry"):
            await cloud.start(registry, verb, resource)
    assert (await container.get_container_properties()).metadata == foreign
    assert await contents(container) == {}


async def test_a_foreign_index_in_a_replica_of_ours_does_no_harm(cloud: Cloud) -> None:
    """A replica's own container decides whose it is; an index that somebody else wrote there is replaced."""
    registry = new_registry("eastus", "westus")
    replica = resource_of(registry, Kind.REPLICA, "westus")
    await cloud.start(registry, Verb.CREATE, resource_of(registry, Kind.CONTAINER_REGISTRY))
    await cloud.start(registry, Verb.CREATE, replica)
    container = await cloud.container(replica)
    await container.upload_blob("index.json", b"{}", overwrite=True, metadata={"incarnation": "another"})
    assert (await cloud.backend.observe(registry, replica)).presence is Presence.DIFFERENT
    await cloud.start(registry, Verb.REPAIR, replica)
    assert (await cloud.backend.observe(registry, replica)).presence is Presence.READY


async def test_names_of_any_script_fit_into_the_metadata(cloud: Cloud) -> None:
    """Metadata travel as headers; whatever a tenant is called, its resources are recognised again."""
    registry = new_registry("eastus").model_copy(update={"tenant": "Prüfstelle\r\nx: 1"})
    resource = resource_of(registry, Kind.STORAGE_ACCOUNT)
    await cloud.start(registry, Verb.CREATE, resource)
    assert (await cloud.backend.observe(registry, resource)).presence is Presence.READY


async def test_a_container_that_is_being_deleted_is_changing(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Azure has not forgotten yet is neither there nor absent."""

    async def answer(_: Container) -> None:
        raise BeingDeletedError(Failure(code="ProvisioningFailed", message="still being deleted"))

    monkeypatch.setattr(containers.Container, "metadata", answer)
    registry = new_registry("eastus")
    seen = await cloud.backend.observe(registry, resource_of(registry, Kind.STORAGE_ACCOUNT))
    assert seen.presence is Presence.CHANGING


async def test_the_backend_may_be_used_again_after_closing(cloud: Cloud) -> None:
    """Closing ends the connections, not the backend."""
    registry = new_registry("eastus")
    resource = resource_of(registry, Kind.STORAGE_ACCOUNT)
    await cloud.start(registry, Verb.CREATE, resource)
    await cloud.backend.close()
    await cloud.backend.close()
    assert (await cloud.backend.observe(registry, resource)).presence is Presence.READY
