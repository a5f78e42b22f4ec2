"""The embedded backend: honest stand-ins on Azurite, with real bytes.

A region is an Azurite account of its own, with a key of its own. A storage account is a blob container there. The
container registry is an OCI image layout in a container of the primary region, and a replica is a container of
another region to which the layout is really copied.

What it is not: there is no endpoint for `docker push`, no latency between regions and no DNS; one process and one
disk are under all regions; SKU and hierarchical namespace are recorded but not enforced. A blob has to be copied
within 40 seconds, which is time enough for some hundred megabytes.
"""

import json
from collections.abc import Collection
from datetime import timedelta
from urllib.parse import quote

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob.aio import BlobServiceClient, LinearRetry

from registry_api.domain.plan import Action, Observation, Presence, Verb
from registry_api.domain.registry import Registry
from registry_api.domain.resources import FailureKind, Kind, Resource
from registry_api.domain.spec import StorageConfig
from registry_api.provisioning import oci
from registry_api.provisioning.accounts import account_of
from registry_api.provisioning.containers import (
    BeingDeletedError,
    Container,
    failed,
    unavailable,
)
from registry_api.provisioning.replication import is_copy, replicate, summary

_ABSENT = Observation(Presence.ABSENT)
_SETTLING_TIME = timedelta(seconds=5)  # what a call has sent, Azurite does at once
_RETRIES = 2  # at once: they mend connections that were idle too long, the rest is for the next visit


class LocalBackend:
    """Registries on Azurite.

    Args:
        endpoint: Azurite's blob endpoint, without an account.
        key: The key of the regions' accounts.
        down: Regions that are to fail; may be replaced at any time.
    """

    def __init__(self, endpoint: str, key: str, down: Collection[str] = frozenset()) -> None:
        self.down = down
        self._endpoint = endpoint.rstrip("/")
        self._key = key
        self._clients: dict[str, BlobServiceClient] = {}

    @property
    def settling_time(self) -> timedelta:
        """Return for how long a call may take effect yet after its caller has died, or was told that it failed."""
        return _SETTLING_TIME

    async def observe(self, registry: Registry, resource: Resource) -> Observation:
        """Tell what there is of a resource.

        Raises:
            BackendError: If its region fails, or what is there belongs to another registry.
        """
        _check_placement(registry)
        container = self._container(resource)
        try:
            match resource.kind:
                case Kind.RESOURCE_GROUP | Kind.ML_REGISTRY:
                    return _ABSENT
                case Kind.STORAGE_ACCOUNT:
                    return await self._observe_assets(registry, container)
                case Kind.CONTAINER_REGISTRY:
                    return await _observe_home(registry, resource, container)
                case Kind.REPLICA:
                    return await self._observe_replica(registry, resource, container)
        except BeingDeletedError:
            return Observation(Presence.CHANGING)

    async def start(self, registry: Registry, action: Action) -> None:
        """Carry out one action; doing it again does no harm, and neither does dying half-way.

        Copying to a replica ends after some seconds. The replica stays different then, and the next visit goes on.

        Raises:
            BackendError: If it cannot be done, now or at all.
        """
        _check_placement(registry)
        resource = action.resource
        container = self._container(resource)
        match action.verb, resource.kind:
            case Verb.DELETE, _:
                if await _is_there(registry, container):
                    await container.delete()
            case ((Verb.CREATE | Verb.REPAIR), Kind.STORAGE_ACCOUNT):
                await _ensure(registry, container, _record_of(resource))
            case ((Verb.CREATE | Verb.REPAIR), Kind.CONTAINER_REGISTRY):
                await _ensure(registry, container)
                await _lay_out(registry, resource, container)
            case ((Verb.CREATE | Verb.REPAIR), Kind.REPLICA):
                await self._replicate(registry, resource, container)

    async def close(self) -> None:
        """Close the connections; the backend may still be used and opens new ones."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.close()

    def _container(self, resource: Resource) -> Container:
        """Return the container that stands in for a resource."""
        region = resource.region
        if region in self.down:
            raise unavailable(region, "does not answer.")
        if region not in self._clients:
            account = account_of(region)
            self._clients[region] = BlobServiceClient(
                f"{self._endpoint}/{account}",
                credential=AzureNamedKeyCredential(account, self._key),
                retry_policy=LinearRetry(backoff=0, retry_total=_RETRIES, random_jitter_range=0),
                use_env_settings=False,
            )
        name = f"{resource.name}-assets" if resource.kind is Kind.STORAGE_ACCOUNT else resource.name
        return Container(region, self._clients[region].get_container_client(name))

    async def _observe_assets(self, registry: Registry, container: Container) -> Observation:
        if not await _is_there(registry, container):
            return _ABSENT
        account = account_of(container.region)
        details = {
            "account": account,
            "container": container.name,
            "blob_endpoint": f"{self._endpoint}/{account}",
            "id": container.url,
        }
        return Observation(Presence.READY, details)

    async def _observe_replica(self, registry: Registry, resource: Resource, container: Container) -> Observation:
        blobs = await container.blobs()
        if blobs is None:
            return _ABSENT
        # The index says whose it is, so that a replica in its usual state costs no further call.
        is_ours = oci.INDEX in blobs and _stamp(registry).items() <= blobs[oci.INDEX].metadata.items()
        if not is_ours and not await _is_there(registry, container):
            return _ABSENT
        details = _address(container) | summary(blobs)
        if resource.key not in registry.wanted:  # it is on its way out, also when the primary region is down
            return Observation(Presence.READY, details)
        index = await self._home(registry).read(oci.INDEX)
        is_ready = index is not None and is_copy(blobs, index)
        return Observation(Presence.READY if is_ready else Presence.DIFFERENT, details)

    async def _replicate(self, registry: Registry, resource: Resource, replica: Container) -> None:
        home = self._home(registry)
        if not await _is_there(registry, home):
            raise unavailable(home.region, "has no container registry yet; it is copied once it is there.")
        await _ensure(registry, replica)
        await replicate(home, replica, _marks(registry, resource), _stamp(registry))

    def _home(self, registry: Registry) -> Container:
        (resource,) = (resource for resource in registry.resources if resource.kind is Kind.CONTAINER_REGISTRY)
        return self._container(resource)


def _check_placement(registry: Registry) -> None:
    """See that a registry is for this backend, which has no groups.

    Raises:
        BackendError: If another backend made it.
    """
    if registry.placement is not None:
        raise failed("The registry was made by another backend; REGISTRY_BACKEND is local now.", FailureKind.PERMANENT)


async def _observe_home(registry: Registry, resource: Resource, container: Container) -> Observation:
    if not await _is_there(registry, container):
        return _ABSENT
    if resource.key not in registry.wanted:  # it is on its way out, whatever is in it
        return Observation(Presence.READY, _address(container))
    index, marker = await container.read(oci.INDEX), await container.read(oci.MARKER)
    if index is None or marker is None:
        return Observation(Presence.DIFFERENT, _address(container))
    try:
        images = oci.image_count(index)
    except oci.LayoutError as error:
        raise failed(
            f"The container registry in region '{container.region}' cannot be read: {error}.", FailureKind.BLOCKED
        ) from error
    details = _address(container) | {"images": str(images), "digest": oci.digest_of(index)}
    return Observation(Presence.READY, details)


async def _lay_out(registry: Registry, resource: Resource, container: Container) -> None:
    """Make the layout complete: the index comes last, so where it is nothing else is missing."""
    blobs = await container.blobs() or {}
    if oci.INDEX not in blobs and any(name.startswith(oci.BLOBS) for name in blobs):
        raise failed(
            f"The container registry in region '{container.region}' has lost its index but still has content. "
            f"Put {oci.INDEX} back, for example from a replica.",
            FailureKind.BLOCKED,
        )
    for name, content in (_marks(registry, resource) | {oci.INDEX: oci.EMPTY_INDEX}).items():
        await container.write_new(name, content)


async def _ensure(registry: Registry, container: Container, record: dict[str, str] | None = None) -> None:
    """Make a container, or see that the one which is there is ours."""
    if not await container.create(_stamp(registry) | (record or {})):
        await _is_there(registry, container)


async def _is_there(registry: Registry, container: Container) -> bool:
    """Tell whether a container exists.

    Raises:
        BackendError: If it does, but is not the registry's own.
    """
    metadata = await container.metadata()
    if metadata is None:
        return False
    if not _stamp(registry).items() <= metadata.items():
        raise failed(
            f"The container '{container.name}' in region '{container.region}' is there already and does not belong "
            "to this registry. It is left alone.",
            FailureKind.NAME_TAKEN,
        )
    return True


def _stamp(registry: Registry) -> dict[str, str]:
    """Return metadata that tell whose something is. Metadata travel as headers, hence the quoting."""
    return {
        "tenant": quote(registry.tenant, safe=""),
        "registry": quote(registry.key.name, safe=""),
        "incarnation": quote(registry.incarnation, safe=""),
    }


def _record_of(resource: Resource) -> dict[str, str]:
    """Return metadata that tell what was asked for."""
    config = resource.storage_config or StorageConfig()
    return {
        "sku": config.storage_account_type,
        "hierarchicalnamespace": str(config.storage_account_hns).lower(),
    }


def _marks(registry: Registry, resource: Resource) -> dict[str, bytes]:
    """Return the files that tell what a container is."""
    about = {
        "name": resource.name,
        "kind": resource.kind,
        "region": resource.region,
        "home": registry.spec.location,
        "registry": registry.spec.name,
        "tenant": registry.tenant,
    }
    return {oci.MARKER: oci.MARKER_CONTENT, "registry.json": json.dumps(about, indent=2).encode()}


def _address(container: Container) -> dict[str, str]:
    return {
        "id": container.url,
        "login_server": container.url.partition("://")[2],
    }
