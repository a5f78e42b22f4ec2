"""The routes of the Resource Manager door. Paths have no case: neither for the host nor for the table."""

from registry_api.domain.problems import Code
from registry_api.http.parameters import Parameter
from registry_api.http.resource_manager.contract import ANY_VERSION, API_VERSION, PROVIDER, SKIP, STATUS_TYPE
from registry_api.http.route import Route

_SUBSCRIPTION = f"subscriptions/{{subscription}}/{PROVIDER}"
_REGISTRIES = f"subscriptions/{{subscription}}/resourceGroups/{{group}}/{PROVIDER}/registries"
_REGISTRY = f"{_REGISTRIES}/{{name}}"


def _route(
    method: str,
    template: str,
    handler: str,
    *query: Parameter,
    version: Parameter = API_VERSION,
    is_public: bool = False,
) -> Route:
    codes = () if is_public else (Code.UNAUTHENTICATED,)
    check = "resource_manager.addresses.check_query"
    return Route(method, template, f"resource_manager.{handler}", {}, codes, (version, *query), check=check)


ROUTES = (
    _route("GET", f"{_SUBSCRIPTION}/registries", "registries.list_registry_resources", SKIP),
    _route("GET", _REGISTRIES, "registries.list_registry_resources_in_group", SKIP),
    _route("GET", _REGISTRY, "registries.get_registry_resource"),
    _route("PUT", _REGISTRY, "registries.put_registry_resource"),
    _route("PATCH", _REGISTRY, "registries.patch_registry_resource"),
    _route("DELETE", _REGISTRY, "registries.delete_registry_resource"),
    _route("POST", f"{_REGISTRY}/removeRegions", "registries.remove_registry_regions"),
    _route(
        "GET",
        f"{_SUBSCRIPTION}/locations/{{location}}/registryOperationsStatus/{{id}}",
        "operations.get_registry_operation_status",
        STATUS_TYPE,
    ),
    _route(
        "GET", "registrymanagement/v1.0/registries/{name}/discovery", "discovery.discover_registry", version=ANY_VERSION
    ),
    _route("GET", "metadata/endpoints", "discovery.get_cloud_metadata", version=ANY_VERSION, is_public=True),
)
