"""How registries, operations and the rest look in an answer."""

from collections.abc import Sequence

from registry_api.domain.changes import Change
from registry_api.domain.delivery import Undelivered
from registry_api.domain.events import Event
from registry_api.domain.notifications import id_of, type_of
from registry_api.domain.operation import Operation
from registry_api.domain.plan import Action
from registry_api.domain.problems import Problem
from registry_api.domain.regions import Region
from registry_api.http.bodies import (
    ActionBody,
    ChangeBody,
    DeliveryBody,
    DocumentResultBody,
    ErrorDetail,
    EventBody,
    OperationBody,
    OperationError,
    PlanBody,
    RegionBody,
    RevisionBody,
    UndeliveredBody,
)
from registry_api.http.errors import describe
from registry_api.service.deliveries import Result
from registry_api.service.history import RevisionWithChanges
from registry_api.service.planning import Preview


def operation_body(operation: Operation) -> OperationBody:
    """Return an operation as a caller sees it."""
    error = operation.error
    return OperationBody(
        id=operation.id,
        kind=operation.kind,
        registry=operation.registry,
        generation=operation.generation,
        status=operation.status,
        percent_complete=operation.percent_complete,
        steps=list(operation.steps),
        start_time=operation.start_time,
        end_time=operation.end_time,
        error=OperationError(code=error.code, message=error.message) if error else None,
        requested_by=operation.requested_by,
    )


def revision_body(item: RevisionWithChanges) -> RevisionBody:
    """Return a revision as a caller sees it."""
    revision = item.revision
    return RevisionBody(
        generation=revision.generation,
        accepted_at=revision.accepted_at,
        accepted_by=revision.accepted_by,
        operation=revision.operation,
        spec=revision.spec.model_dump(mode="json", exclude_none=True),
        changes=None if item.changes is None else _changes(item.changes),
    )


def event_body(event: Event) -> EventBody:
    """Return an event as a caller sees it."""
    return EventBody(**event.model_dump(include=set(EventBody.model_fields)))


def undelivered_body(undelivered: Undelivered) -> UndeliveredBody:
    """Return an event that a subscriber was not told of as a caller sees it."""
    event = undelivered.event
    told = undelivered.model_dump(exclude={"event"})
    return UndeliveredBody(**told, id=id_of(event), type=type_of(event), sequence=event.sequence, time=event.time)


def plan_body(preview: Preview) -> PlanBody:
    """Return what a PUT would do as a caller sees it."""
    return PlanBody(
        changes=_changes(preview.changes),
        actions=[_action(action, is_new=preview.is_new) for action in preview.actions],
        problems=[problem_body(problem) for problem in preview.problems],
    )


def delivery_body(delivery: str, results: Sequence[Result], base_url: str) -> DeliveryBody:
    """Return what became of a delivery as its sender sees it."""
    return DeliveryBody(delivery=delivery, documents=[_document_result(result, base_url) for result in results])


def _document_result(result: Result, base_url: str) -> DocumentResultBody:
    registry = result.registry
    return DocumentResultBody(
        name=result.name,
        result=result.verdict,
        operation_location=f"{base_url}/operations/{registry.operation.id}" if registry else None,
        etag=registry.etag if registry else None,
        problems=[problem_body(problem) for problem in result.problems],
    )


def problem_body(problem: Problem) -> ErrorDetail:
    """Return a problem as a caller sees it."""
    return ErrorDetail(**describe(problem))


def region_body(region: Region, allowed: frozenset[str] | None) -> RegionBody:
    """Return a region of the catalogue as a caller sees it."""
    return RegionBody(
        name=region.name,
        display_name=region.display_name,
        geography=region.geography,
        geography_group=region.geography_group,
        paired_region=region.paired_region,
        availability_zones=list(region.availability_zones),
        latitude=region.latitude,
        longitude=region.longitude,
        supported=region.missing_service is None and (allowed is None or region.name in allowed),
    )


def _changes(changes: Sequence[Change]) -> list[ChangeBody]:
    return [ChangeBody(path=change.path, before=change.before, after=change.after) for change in changes]


def _action(action: Action, *, is_new: bool) -> ActionBody:
    resource, after = action.resource, action.blocked_by
    return ActionBody(
        action=action.verb,
        kind=resource.kind,
        location=resource.region,
        # The names of a registry that does not exist yet are made when it is created.
        name=None if is_new or not resource.details else resource.known_name,
        after=f"{after.kind} in {after.region}" if after else None,
    )
