"""An answer of each shape, as the documentation shows them: what the domain makes of the example document."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

from pydantic import BaseModel

from registry_api.domain import lifecycle, regions, visits
from registry_api.domain.caller import Caller
from registry_api.domain.changes import changes
from registry_api.domain.delivery import GIVE_UP_AFTER, Undelivered
from registry_api.domain.events import Event, events_of
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.origin import Origin
from registry_api.domain.plan import Observation, Presence, last_seen, plan
from registry_api.domain.registry import Registry, Visit
from registry_api.domain.resources import Kind, Resource
from registry_api.domain.scope import Scope
from registry_api.domain.validation import examine
from registry_api.domain.visits import Findings
from registry_api.http import bodies, health, render, schema
from registry_api.http.samples import SAMPLES
from registry_api.service.deliveries import Result, Verdict
from registry_api.service.history import RevisionWithChanges
from registry_api.service.planning import Preview
from registry_api.service.records import Revision
from registry_api.service.showing import view_of

_NEXT = "https://registries.example/api/{path}?top=1&continuation=3q2-7w"
_BEGAN = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
_ENDED = _BEGAN + timedelta(seconds=42)
_SCOPE = Scope(subscription_id="00000000-0000-0000-0000-000000000000", resource_group="registries")
_ACCEPTANCE = Acceptance(
    caller=Caller(tenant="00000000-0000-0000-0000-000000000001", name="ada@contoso.com"),
    now=_BEGAN,
    operation_id="demoregistry1.59d2a6b7e1c09f3a1b2c",
    visit=Visit(token="0f1e2d3c4b5a6978", due=_BEGAN + visits.FIRST_VISIT_DELAY),  # noqa: S106 - names a visit, opens nothing
)


@cache
def answer_examples() -> Mapping[type[BaseModel], Mapping[int, BaseModel]]:
    """Return an answer for every shape, by the status that it comes with."""
    accepted = lifecycle.create(examine(schema.EXAMPLE).spec, _SCOPE, _ACCEPTANCE)
    ready = _converged(accepted)
    registry, operation = _registry(ready), render.operation_body(ready.operation)
    name = accepted.key.name
    return {
        bodies.RegistryBody: {200: registry, 201: _registry(accepted)},
        bodies.RegistryPage: {
            200: bodies.RegistryPage(value=[registry], next_link=_NEXT.format(path="registries")),
        },
        bodies.OperationBody: {200: operation, 202: render.operation_body(accepted.operation)},
        bodies.OperationPage: {
            200: bodies.OperationPage(value=[operation], next_link=_NEXT.format(path=f"registries/{name}/operations")),
        },
        bodies.RevisionPage: {200: bodies.RevisionPage(value=[_revision(accepted)])},
        bodies.EventPage: {200: bodies.EventPage(value=[render.event_body(_event(accepted))])},
        bodies.UndeliveredPage: {200: bodies.UndeliveredPage(value=[_undelivered(accepted)])},
        bodies.DeliveryBody: _deliveries(accepted),
        bodies.PlanBody: {200: _plan(accepted)},
        bodies.RegionList: {200: bodies.RegionList(value=[render.region_body(regions.catalogue()["eastus"], None)])},
        bodies.HealthBody: {200: bodies.HealthBody(status=health.OK)},
        bodies.ReadinessBody: {
            200: bodies.ReadinessBody(status=health.OK, table=health.OK, queue=health.OK),
            503: bodies.ReadinessBody(status=health.UNAVAILABLE, table=health.UNAVAILABLE, queue=health.OK),
        },
    }


def _registry(registry: Registry) -> bodies.RegistryBody:
    return bodies.RegistryBody.model_validate_json(view_of(registry))


def _converged(accepted: Registry) -> Registry:
    begun = visits.begin_visit(accepted, accepted.visit, _BEGAN)
    observed = {resource.key: Observation(Presence.READY, _details(resource)) for resource in begun.resources}
    ended = visits.end_visit(begun, Findings(begun.serial, observed, remaining=()), _ENDED)
    if ended is None:
        raise TypeError("Nobody asked for the example to be deleted.")
    return ended


def _details(resource: Resource) -> Mapping[str, str]:
    provider = f"/subscriptions/{_SCOPE.subscription_id}/resourceGroups/{_SCOPE.resource_group}/providers"
    match resource.kind:
        case Kind.STORAGE_ACCOUNT:
            return {
                "id": f"{provider}/Microsoft.Storage/storageAccounts/{resource.name}",
                "blob_endpoint": f"https://{resource.name}.blob.core.windows.net/",
            }
        case Kind.CONTAINER_REGISTRY:
            return {
                "id": f"{provider}/Microsoft.ContainerRegistry/registries/{resource.name}",
                "login_server": f"{resource.name}.azurecr.io",
            }
        case _:
            return {}


def _revision(accepted: Registry) -> bodies.RevisionBody:
    revision = Revision(
        incarnation=accepted.incarnation,
        generation=accepted.generation,
        spec=accepted.spec,
        accepted_at=_BEGAN,
        accepted_by=_ACCEPTANCE.caller.name,
        operation=accepted.operation.id,
    )
    return render.revision_body(RevisionWithChanges(revision, changes(None, accepted.spec)))


def _event(accepted: Registry) -> Event:
    origin = Origin("5a1d3c3e-0f0b-4f6e-9a56-3f6f0c1d2e3f", "203.0.113.7")
    (event,) = events_of(None, accepted, [accepted.operation], by=_ACCEPTANCE.caller, now=_BEGAN, origin=origin)
    return event


def _undelivered(accepted: Registry) -> bodies.UndeliveredBody:
    undelivered = Undelivered(
        subscriber="inventory",
        address="https://inventory.contoso.com",
        event=_event(accepted),
        attempts=33,
        cause="It answered 503.",
        first_attempt_at=_ENDED,
        given_up_at=_BEGAN + GIVE_UP_AFTER,
    )
    return render.undelivered_body(undelivered)


def _deliveries(accepted: Registry) -> Mapping[int, bodies.DeliveryBody]:
    created = Result(Verdict.CREATED, accepted.spec.name, accepted)
    refused = Result(Verdict.REFUSED, accepted.spec.name, problems=SAMPLES[:1])

    def told(*results: Result) -> bodies.DeliveryBody:
        return render.delivery_body("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", results, _NEXT.partition("/{path}")[0])

    return {200: told(created), 422: told(created, refused)}


def _plan(accepted: Registry) -> bodies.PlanBody:
    actions = plan(accepted.resources, accepted.wanted, last_seen(accepted.resources))
    return render.plan_body(Preview(changes=changes(None, accepted.spec), actions=actions, is_new=True))
