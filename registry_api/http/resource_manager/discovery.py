"""How clients find this service and its registries: the metadata of its cloud, and where a registry is."""

from collections.abc import Sequence
from http import HTTPStatus

from pydantic import RootModel

from registry_api.bootstrap import App
from registry_api.domain.scope import Scope
from registry_api.http.messages import Answer, Request
from registry_api.http.resource_manager.bodies import CloudMetadata, Discovery
from registry_api.service import reading
from registry_api.service.authorizing import Inquiry

_CLOUD = "RegistryApi"
_PORTAL = "https://portal.azure.com/"
_STORAGE_SUFFIX = "core.windows.net"


class _Clouds(RootModel[Sequence[CloudMetadata]]):
    """All clouds: this one."""


async def get_cloud_metadata(request: Request, app: App) -> Answer:
    """Read where this cloud's Resource Manager is: here. What ARM_CLOUD_METADATA_URL is to lead to."""
    cloud = CloudMetadata(
        name=_CLOUD,
        portal=_PORTAL,
        resource_manager=request.base_url,  # clients look for it in the address that they have asked
        authentication={"loginEndpoint": f"{app.settings.authority}/", "audiences": [request.base_url]},
        suffixes={"storage": _STORAGE_SUFFIX},
    )
    return Answer(HTTPStatus.OK, _Clouds([cloud]))


async def discover_registry(request: Request, app: App) -> Answer:
    """Read where a registry of the caller's tenant is, by its name alone."""
    default = Scope(subscription_id=app.settings.subscription_id, resource_group=app.settings.resource_group)
    registry = await reading.read(request.path["name"], Inquiry(request.caller, default), ports=app.ports)
    return Answer(
        HTTPStatus.OK,
        Discovery(
            registry_name=registry.spec.name,
            tenant_id=registry.tenant,
            primary_region=registry.spec.location,
            regions=list(registry.spec.region_names),
            subscription_id=registry.scope.subscription_id,
            resource_group=registry.scope.resource_group,
            primary_region_resource_provider_uri=f"{request.base_url}/",
        ),
    )
