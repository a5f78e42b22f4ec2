"""Registries to keep, in every state."""

from datetime import UTC, datetime, timedelta

from registry_api.domain import lifecycle, visits
from registry_api.domain.caller import Caller
from registry_api.domain.names import RegistryKey
from registry_api.domain.plan import Action, Observation, Presence, Verb
from registry_api.domain.regions import catalogue
from registry_api.domain.registry import Registry, Visit
from registry_api.domain.resources import Failure, FailureKind
from registry_api.domain.scope import Scope
from registry_api.domain.spec import RegistrySpec
from registry_api.service.messages import Message
from registry_api.service.records import Commit, Revision
from registry_api.storage.store import RegistryStore

NOW = datetime(2026, 11, 23, 22, 15, 0, 123456, tzinfo=UTC)
VISIT = Visit(token="visit-1", due=NOW + timedelta(seconds=1))


def acceptance(operation_id: str, tenant: str) -> lifecycle.Acceptance:
    """Return what a request brings along."""
    caller = Caller(tenant=tenant, name="ada@example.com")
    return lifecycle.Acceptance(caller=caller, now=NOW, operation_id=operation_id, visit=VISIT)


def new(name: str = "Demo", tenant: str = "t1", **spec: object) -> Registry:
    """Return a registry that was just created."""
    wanted = RegistrySpec.model_validate({"name": name, "location": "westeurope"} | spec)
    scope = Scope(subscription_id="s1", resource_group="rg1")
    return lifecycle.create(wanted, scope, acceptance(f"{name}.1", tenant))


def updated(registry: Registry, operation_id: str = "Demo.2") -> Registry:
    """Return a registry after an update."""
    spec = registry.spec.model_copy(update={"description": "Another description"})
    return lifecycle.update(registry, spec, acceptance(operation_id, registry.tenant))


def visited(registry: Registry, presence: Presence, failure: Failure | None = None) -> Registry:
    """Return a registry after a visit that found all of its resources alike, and perhaps one in trouble."""
    seen = Observation(presence, {"endpoint": "https://example.com/Ä"})
    findings = visits.Findings(
        serial=registry.serial,
        observed={resource.key: seen for resource in registry.resources},
        remaining=[Action(Verb.WAIT, resource) for resource in registry.resources if presence is not Presence.READY],
        failures={registry.resources[0].key: failure} if failure else {},
    )
    after = visits.end_visit(visits.begin_visit(registry, VISIT, NOW), findings, NOW)
    assert after is not None
    return after


def in_every_state() -> dict[str, Registry]:
    """Return registries by what became of them."""
    created = new(intellectual_property={"publisher": "Ödön & Søn"}, tags={"größe": "🗺", "a": ""})
    return {
        "created": created,
        "visiting": visits.begin_visit(created, VISIT, NOW),
        "waiting": visited(created, Presence.CHANGING),
        "failing": visited(created, Presence.CHANGING, Failure(code="Busy", message="Try “later”.")),
        "succeeded": visited(created, Presence.READY),
        "updated": updated(created),
        "deleting": lifecycle.delete(created, acceptance("Demo.3", "t1")),
        "failed": lifecycle.fail(created, Failure(code="Quota", message="No more.", kind=FailureKind.BLOCKED), NOW),
        "huge": huge(),
    }


def huge() -> Registry:
    """Return a registry with as much text as a user may write, outside of the Basic Multilingual Plane."""
    regions = [name for name, region in catalogue().items() if region.missing_service is None]
    return new(
        description="🗺" * 4096,
        tags={f"{number:02d}": "🗺" * 256 for number in range(50)},
        replication_locations=[{"location": region, "storage_config": {"replication_count": 10}} for region in regions],
        location=regions[0],
    )


def revision_of(registry: Registry) -> Revision:
    """Return the revision that a registry's newest spec is."""
    return Revision(
        incarnation=registry.incarnation,
        generation=registry.generation,
        spec=registry.spec,
        accepted_at=NOW,
        accepted_by="ada@example.com",
        operation=registry.operation.id,
    )


def acceptance_of(registry: Registry, replaces: str | None = None) -> Commit:
    """Return the commit that an accepted request ends with."""
    return Commit(
        key=registry.key,
        registry=registry,
        replaces=replaces,
        operations=[registry.operation],
        revision=revision_of(registry),
    )


def removal_of(registry: Registry, version: str) -> Commit:
    """Return the commit that ends a registry."""
    gone = lifecycle.gone(registry.operation, NOW)
    return Commit(key=registry.key, registry=None, replaces=version, operations=[gone])


def message(name: str = "demo") -> Message:
    """Return a message as the service announces a visit."""
    return Message(tenant="t1", name=name, visit="visit-1", serial=1, announced_at=NOW)


ELSEWHERE = RegistryKey.of("t1", "nothing-here")


async def keep(store: RegistryStore, registry: Registry, replaces: str | None = None) -> str:
    """Commit a registry with its operation and revision; return its version."""
    version = await store.commit(acceptance_of(registry, replaces))
    assert version is not None
    return version
