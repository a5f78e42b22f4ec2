"""Registries in every state, for tests of the rules."""

from datetime import UTC, datetime
from typing import Any

from registry_api.domain import lifecycle, visits
from registry_api.domain.caller import Caller
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.plan import Observation, Presence, plan
from registry_api.domain.registry import Registry, Visit
from registry_api.domain.resources import ResourceKey, ResourceState, state_of
from registry_api.domain.scope import Scope
from registry_api.domain.spec import RegistrySpec, ReplicationLocation
from registry_api.domain.visits import Findings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA = Caller(tenant="tenant", name="ada")
EVE = Caller(tenant="tenant", name="eve", kind="Application")
SCOPE = Scope(subscription_id="sub", resource_group="group")


def spec(*regions: str, **fields: Any) -> RegistrySpec:
    """Return a spec with these regions, the first one primary."""
    locations = tuple(ReplicationLocation(location=region) for region in regions)
    return RegistrySpec(name="Demo1", location=regions[0], replication_locations=locations, **fields)


def acceptance(number: int, caller: Caller = ADA, now: datetime = NOW, traceparent: str | None = None) -> Acceptance:
    """Return the acceptance of the n-th request."""
    return Acceptance(caller, now, f"demo1.{number}", Visit(token=f"visit-{number}", due=now), traceparent)


def created(*regions: str, **fields: Any) -> Registry:
    """Return a registry that was just accepted."""
    return lifecycle.create(spec(*regions, **fields), SCOPE, acceptance(1))


def begun(registry: Registry, now: datetime = NOW) -> Registry:
    """Return the registry as a worker's visit begins."""
    return visits.begin_visit(registry, Visit(token="next", due=now, number=registry.visit.number + 1), now)


def seen(registry: Registry, presence: Presence, other: dict[ResourceKey, Presence] | None = None) -> Findings:
    """Return the findings of a visit that sees every resource alike, but for some."""
    told = {resource.key: presence for resource in registry.resources} | (other or {})
    observed = {
        key: Observation(each, {} if each is Presence.ABSENT else {"id": key.region}) for key, each in told.items()
    }
    return Findings(registry.serial, observed, plan(registry.resources, registry.wanted, observed))


def succeeded(*regions: str, **fields: Any) -> Registry:
    """Return a registry that has become true."""
    registry = begun(created(*regions, **fields))
    after = visits.end_visit(registry, seen(registry, Presence.READY), NOW)
    assert after is not None
    return after


def region_states(registry: Registry) -> dict[str, ResourceState]:
    """Return the state of each region of a registry."""
    return {region: state_of(resources) for region, resources in registry.regions.items()}
