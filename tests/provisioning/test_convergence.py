"""A registry becomes true: observe, plan, start, until nothing is left to do."""

from registry_api.domain import lifecycle
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Kind, ResourceState
from registry_api.provisioning.oci import push_artifact
from tests.domain.registries import region_states
from tests.provisioning.cloud import Cloud, acceptance, contents, new_registry, resource_of, spec


def check(registry: Registry | None, *regions: str) -> Registry:
    """Check that a registry is what its spec says, in these regions and no other."""
    assert registry is not None
    assert registry.state is ProvisioningState.SUCCEEDED
    assert region_states(registry) == dict.fromkeys(regions, ResourceState.READY)
    return registry


async def test_a_registry_lives_a_whole_life(cloud: Cloud) -> None:
    """It comes, is filled, grows, shrinks and goes; content follows into each new region, and nothing remains."""
    accepted = new_registry("eastus", "westus")
    registry = check(await cloud.converge(accepted), "eastus", "westus")
    home = await cloud.container(resource_of(registry, Kind.CONTAINER_REGISTRY))
    digest = await push_artifact(home, "model:1", [b"weights"])

    larger = lifecycle.update(registry, spec("eastus", "northeurope", "westus", count=2), acceptance())
    registry = check(await cloud.converge(larger), "eastus", "northeurope", "westus")
    for region in ("northeurope", "westus"):
        replica = await cloud.container(resource_of(registry, Kind.REPLICA, region))
        assert f"blobs/{digest.replace(':', '/')}" in await contents(replica)

    everything = registry.resources
    smaller = lifecycle.update(registry, spec("eastus", "northeurope"), acceptance())
    registry = check(await cloud.converge(smaller), "eastus", "northeurope")
    assert not await replica.exists()

    assert await cloud.converge(lifecycle.delete(registry, acceptance())) is None
    for resource in everything:
        assert not await (await cloud.container(resource)).exists()


async def test_a_converged_registry_is_left_alone(cloud: Cloud) -> None:
    """A second look finds nothing to do and tells the same of everything."""
    registry = check(await cloud.converge(new_registry("eastus", "westus")), "eastus", "westus")
    again = check(await cloud.converge(registry, rounds=1), "eastus", "westus")
    assert again.resources == registry.resources


async def test_what_somebody_removed_is_made_again(cloud: Cloud) -> None:
    """Drift is seen and repaired within two rounds."""
    registry = check(await cloud.converge(new_registry("eastus", "westus")), "eastus", "westus")
    for kind, region in ((Kind.STORAGE_ACCOUNT, "eastus"), (Kind.REPLICA, "westus")):
        await (await cloud.container(resource_of(registry, kind, region))).delete_container()
    check(await cloud.converge(registry, rounds=2), "eastus", "westus")
