"""The routes of the Resource Manager door. Paths have no case: neither for the host nor for the table."""

from registry_api.domain.problems import Code
from registry_api.http.parameters import CONTINUATION, Parameter
from registry_api.http.resource_manager.contract import API_VERSION, PROVIDER, STATUS_TYPE
from registry_api.http.route import Route

_SUBSCRIPTION = f"subscriptions/{{subscription}}/{PROVIDER}"
_REGISTRIES = f"subscriptions/{{subscription}}/resourceGroups/{{group}}/{PROVIDER}/registries"
_REGISTRY = f"{_REGISTRIES}/{{name}}"


def _route(method: str, template: str, handler: str, *query: Parameter) -> Route:
    return Route(method, template, handler, {}, (Code.UNAUTHENTICATED,), (API_VERSION, *query))


ROUTES = (
    _route("GET", f"{_SUBSCRIPTION}/registries", "resource_manager.registries.list_registry_resources", CONTINUATION),
    _route("GET", _REGISTRIES, "resource_manager.registries.list_registry_resources_in_group", CONTINUATION),
    _route("GET", _REGISTRY, "resource_manager.registries.get_registry_resource"),
    _route("PUT", _REGISTRY, "resource_manager.registries.put_registry_resource"),
    _route("PATCH", _REGISTRY, "resource_manager.registries.patch_registry_resource"),
    _route("DELETE", _REGISTRY, "resource_manager.registries.delete_registry_resource"),
    _route("POST", f"{_REGISTRY}/removeRegions", "resource_manager.registries.remove_registry_regions"),
    _route(
        "GET",
        f"{_SUBSCRIPTION}/locations/{{location}}/registryOperationsStatus/{{id}}",
        "resource_manager.operations.get_registry_operation_status",
        STATUS_TYPE,
    ),
    _route(
        "GET", "registrymanagement/v1.0/registries/{name}/discovery", "resource_manager.discovery.discover_registry"
    ),
    Route("GET", "metadata/endpoints", "resource_manager.discovery.get_cloud_metadata", {}, (), (API_VERSION,)),
)
