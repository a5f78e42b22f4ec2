"""How the query and the headers of a request are read."""

import re
from collections.abc import Iterable

from registry_api import telemetry
from registry_api.bootstrap import App
from registry_api.domain import regions, scope
from registry_api.domain.conditions import Conditions
from registry_api.domain.filters import Filter
from registry_api.domain.origin import Origin
from registry_api.domain.problems import Code, Problem, Refusal, quote, refuse
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.scope import Scope
from registry_api.http.messages import Request
from registry_api.http.parameters import (
    DEFAULT_PAGE,
    HOST_KEY,
    IDEMPOTENCY_KEY,
    IDEMPOTENCY_KEY_PATTERN,
    MAX_PAGE,
    RESOURCE_GROUP,
    SUBSCRIPTION,
    TOP,
    VALIDATE_ONLY,
    Parameter,
)
from registry_api.service.authorizing import Inquiry

_IDEMPOTENCY_KEY = re.compile(IDEMPOTENCY_KEY_PATTERN)
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_ADDRESS = re.compile(r"[0-9A-Fa-f.:\[\]]{2,64}")


def check_query(request: Request, known: Iterable[Parameter]) -> Request:
    """Return a request that has only parameters that the operation knows, each once.

    Raises:
        Refusal: For every other one.
    """
    names = [parameter.name for parameter in known]
    unknown = [name for name in request.query if name not in {*names, HOST_KEY}]
    if unknown:
        allowed = f"known are {', '.join(names)}" if names else "this request takes none"
        raise Refusal(
            *(
                Problem(Code.UNKNOWN_PARAMETER, f"{quote(name)} is not a query parameter here; {allowed}.", (name,))
                for name in unknown
            )
        )
    if repeated := [name for name in names if name in request.repeated]:
        raise Refusal(
            *(Problem(Code.INVALID_PARAMETER, f"'{name}' may be given only once.", (name,)) for name in repeated)
        )
    return request


def inquiry_of(request: Request, app: App) -> Inquiry:
    """Return who asks, and about which part of its tenant."""
    return Inquiry(request.caller, *places_of(request, app))


def places_of(request: Request, app: App) -> tuple[Scope, Filter]:
    """Return the scope that a new registry is to have, and what the caller names of it, as a filter without case."""
    subscription, group = _subscription(request), _resource_group(request)
    return (
        Scope(subscription or app.settings.subscription_id, group or app.settings.resource_group),
        Filter(subscription_id=subscription and subscription.lower(), resource_group=group and group.lower()),
    )


def validate_only(request: Request) -> bool:
    """Tell whether the caller wants nothing to happen."""
    text = request.query.get(VALIDATE_ONLY.name, "false").lower()
    if text not in {"true", "false"}:
        raise refuse(Code.INVALID_PARAMETER, "'validate_only' must be true or false.", VALIDATE_ONLY.name)
    return text == "true"


def conditions_of(request: Request) -> Conditions:
    """Return what If-Match and If-None-Match say."""
    return Conditions.parse(request.headers.get("if-match"), request.headers.get("if-none-match"))


def idempotency_key_of(request: Request) -> str | None:
    """Return the idempotency key, or None."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise refuse(
            Code.INVALID_HEADER,
            "Idempotency-Key must be 1 to 255 visible ASCII characters without spaces.",
            IDEMPOTENCY_KEY.name,
        )
    return key


def traceparent_of(request: Request) -> str | None:
    """Return the trace context of the request's own span, or else the caller's (W3C Trace Context, version 00)."""
    text = telemetry.traceparent() or request.headers.get("traceparent", "")
    return text if _TRACEPARENT.fullmatch(text) else None


def origin_of(request: Request) -> Origin:
    """Return where a request comes from. App Service adds the caller's address last, after what the caller wrote."""
    address = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return Origin(request.id, address if _ADDRESS.fullmatch(address) else None)


def top_of(request: Request) -> int:
    """Return how many items a page may have."""
    text = request.query.get(TOP.name)
    if text is None:
        return DEFAULT_PAGE
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_PAGE)) and 1 <= int(text) <= MAX_PAGE):
        raise refuse(Code.INVALID_PARAMETER, f"'top' must be a whole number from 1 to {MAX_PAGE}.", TOP.name)
    return int(text)


def filter_of(request: Request, scope: Filter) -> Filter:
    """Return which registries within a scope the caller wants to see."""
    return scope._replace(
        location=_location(request.query.get("location")),
        state=_state(request.query.get("state")),
        tag=_tag(request.query.get("tag")),
    )


def _location(text: str | None) -> str | None:
    if text is None:
        return None
    region = regions.find(text)
    if region is None:
        near = ", ".join(regions.suggest(text))
        hint = f" Near it: {near}." if near else " The catalogue of regions, /api/regions, has all."
        raise refuse(Code.INVALID_PARAMETER, f"{quote(text)} is not an Azure region.{hint}", "location")
    return region.name


def _state(text: str | None) -> ProvisioningState | None:
    if text is None:
        return None
    states = {state.lower(): state for state in ProvisioningState}
    if text.lower() not in states:
        raise refuse(Code.INVALID_PARAMETER, f"'state' must be one of {', '.join(ProvisioningState)}.", "state")
    return states[text.lower()]


def _tag(text: str | None) -> str | None:
    if text is not None and ":" not in text[1:]:
        raise refuse(Code.INVALID_PARAMETER, "'tag' must be a tag and its value, as in tag=team:ml.", "tag")
    return text


def _subscription(request: Request) -> str | None:
    name = SUBSCRIPTION.name
    text = request.query.get(name)
    if text is not None and not scope.is_subscription_id(text):
        raise refuse(
            Code.INVALID_PARAMETER,
            f"'{name}' must be the id of a subscription: a GUID, such as 00000000-0000-0000-0000-000000000000.",
            name,
        )
    return text


def _resource_group(request: Request) -> str | None:
    name = RESOURCE_GROUP.name
    text = request.query.get(name)
    if text is not None and not scope.is_resource_group(text):
        raise refuse(Code.INVALID_PARAMETER, f"'{name}' {scope.RESOURCE_GROUP_RULE}.", name)
    return text
