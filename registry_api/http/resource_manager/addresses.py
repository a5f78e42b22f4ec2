"""What the address of a request says: which api-version, and which part of the tenant; and addresses in answers."""

import urllib.parse
from collections import Counter
from collections.abc import Sequence

from registry_api.bootstrap import App
from registry_api.domain.filters import Filter
from registry_api.domain.problems import Code, quote, refuse
from registry_api.domain.scope import RESOURCE_GROUP_RULE, Scope, is_resource_group, is_subscription_id
from registry_api.http import arguments
from registry_api.http.messages import Request
from registry_api.http.parameters import Parameter
from registry_api.http.resource_manager.contract import API_VERSION, PROVIDER, VERSIONS
from registry_api.service.accepting import Intent
from registry_api.service.authorizing import Inquiry


def check_query(request: Request, known: Sequence[Parameter]) -> Request:
    """Return a request whose parameters are called as they are known; it may write them in any case.

    Raises:
        Refusal: If its api-version is missing or not served, or, which is told only then, others are not taken.
    """
    names = {parameter.name.lower(): parameter.name for parameter in known}
    written = Counter(names.get(name.lower(), name) for name in request.query)
    request = request._replace(
        query={names.get(name.lower(), name): value for name, value in request.query.items()},
        repeated={
            *(names.get(name.lower(), name) for name in request.repeated),
            *(name for name, times in written.items() if times > 1),
        },
    )
    if API_VERSION in known:
        _check_version(request)
    return arguments.check_query(request, known)


def _check_version(request: Request) -> None:
    """Accept every api-version that has registries; all of them are answered alike."""
    version = request.query.get(API_VERSION.name)
    if not version:
        raise refuse(
            Code.MISSING_API_VERSION_PARAMETER,
            f"The query parameter 'api-version' is required; served are {', '.join(VERSIONS)}.",
            API_VERSION.name,
        )
    if version.lower() not in VERSIONS:
        raise refuse(
            Code.INVALID_API_VERSION_PARAMETER,
            f"The api-version {quote(version)} is not served; served are {', '.join(VERSIONS)}.",
            API_VERSION.name,
        )


def inquiry_of(request: Request, app: App) -> Inquiry:
    """Return who asks, and about which subscription, perhaps which resource group in it.

    Raises:
        Refusal: If the address cannot be one of a registry.
    """
    subscription, group = request.path["subscription"], request.path.get("group")
    if not is_subscription_id(subscription):
        raise refuse(
            Code.INVALID_SUBSCRIPTION_ID,
            f"{quote(subscription)} is not the id of a subscription: that is a GUID, such as "
            "00000000-0000-0000-0000-000000000000.",
            "subscriptionId",
        )
    if group is not None and not is_resource_group(group):
        raise refuse(
            Code.INVALID_PARAMETER,
            f"A resource group {RESOURCE_GROUP_RULE}.",
            "resourceGroupName",
        )
    return Inquiry(
        request.caller,
        Scope(subscription_id=subscription, resource_group=group or app.settings.resource_group),
        Filter(subscription_id=subscription, resource_group=group),
    )


def intent_of(request: Request, app: App) -> Intent:
    """Return who asks for a change, where, and under which conditions."""
    inquiry = inquiry_of(request, app)
    return Intent(
        inquiry.caller,
        inquiry.scope,
        inquiry.within,
        conditions=arguments.conditions_of(request),
        origin=arguments.origin_of(request),
        traceparent=arguments.traceparent_of(request),
    )


def list_path(within: Filter) -> str:
    """Return the path of a list of registries."""
    group = f"/resourceGroups/{within.resource_group}" if within.resource_group else ""
    return f"subscriptions/{within.subscription_id}{group}/{PROVIDER}/registries"


def status_path(subscription: str, location: str, operation_id: str) -> str:
    """Return the path of an operation's status."""
    where = urllib.parse.quote(location, safe="")  # in whatever way the caller wrote it
    return f"subscriptions/{subscription}/{PROVIDER}/locations/{where}/registryOperationsStatus/{operation_id}"


def status_address(request: Request, path: str, kind: str) -> str:
    """Return an absolute address of an operation's status, in one of its two kinds."""
    return f"{request.base_url}/{path}?{API_VERSION.name}={request.query[API_VERSION.name]}&type={kind}"
