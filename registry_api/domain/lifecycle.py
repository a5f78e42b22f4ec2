"""How a registry moves from state to state: what requests make of it, and how operations end.

Every function is pure: it takes a registry as it is stored and returns it as it is to be stored. The newest
operation travels inside the registry, so that one read tells everything.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from registry_api.domain.caller import Caller
from registry_api.domain.operation import DEADLINE, Operation, OperationKind, OperationStatus, Step
from registry_api.domain.placement import Placement
from registry_api.domain.problems import Code
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.registry import DRIFTED, FALSE, TRUE, Registry, SystemData, Visit, by_region
from registry_api.domain.resources import Failure, FailureKind, Kind, Resource, ResourceState, assign, dismiss, wanted
from registry_api.domain.scope import Scope
from registry_api.domain.spec import RegistrySpec
from registry_api.domain.status import last_good, steps_of, with_condition, with_ready, with_steps

_REACHED = {Kind.STORAGE_ACCOUNT, Kind.CONTAINER_REGISTRY}  # from the internet, unless that is forbidden
_DELEGATED = {Kind.ML_REGISTRY}
_UNKNOWN_CAUSE = "No cause could be noted: workers were killed, or did not reach storage; the log has more."


class Acceptance(NamedTuple):
    """What every accepted request brings along: who asks, when, and the names of what it starts."""

    caller: Caller
    now: datetime
    operation_id: str
    visit: Visit
    traceparent: str | None = None
    placement: Placement | None = None  # of a registry that the request creates
    is_name_taken: bool = False  # by a registry that is not there for the caller

    def operation(
        self, kind: OperationKind, registry: str, scope: Scope, generation: int, steps: Iterable[Step] = ()
    ) -> Operation:
        """Return the operation that the request starts."""
        return Operation(
            id=self.operation_id,
            kind=kind,
            registry=registry,
            scope=scope,
            generation=generation,
            start_time=self.now,
            requested_by=self.caller.name,
            traceparent=self.traceparent,
            steps=tuple(steps),
        )


def create(spec: RegistrySpec, scope: Scope, acceptance: Acceptance) -> Registry:
    """Return a new registry."""
    caller, now = acceptance.caller, acceptance.now
    identity = identity_of(caller.tenant, acceptance.operation_id)
    resources = assign(spec, (), identity, acceptance.placement)
    steps = steps_of(by_region(spec, resources))
    operation = acceptance.operation(OperationKind.CREATE, spec.name, scope, generation=1, steps=steps)
    return Registry(
        tenant=caller.tenant,
        scope=scope,
        placement=acceptance.placement,
        incarnation=operation.id,
        spec=spec,
        serial=1,
        generation=1,
        state=ProvisioningState.ACCEPTED,
        operation=operation,
        resources=resources,
        system_data=SystemData(
            created_by=caller.name,
            created_by_type=caller.kind,
            created_at=now,
            last_modified_by=caller.name,
            last_modified_by_type=caller.kind,
            last_modified_at=now,
        ),
        visit=acceptance.visit,
    )


def update(registry: Registry, spec: RegistrySpec, acceptance: Acceptance) -> Registry:
    """Return the registry with another spec, on its way to it: by what is under way, if that leads there."""
    generation = registry.generation + (spec != registry.spec)
    changed = {"spec": spec, "generation": generation, "system_data": _modified(registry, acceptance)}
    if _is_joined(registry, spec, acceptance.now):
        operation = registry.operation.model_copy(update={"generation": generation})
        return registry.model_copy(update={**changed, "operation": operation})
    return _change(
        registry,
        OperationKind.UPDATE,
        acceptance,
        state=ProvisioningState.ACCEPTED,
        deleting=False,
        resources=_with_access(registry, spec, _assigned(registry, spec)),
        **changed,
    )


def delete(registry: Registry, acceptance: Acceptance) -> Registry:
    """Return the registry on its way out."""
    leaving = _change(
        registry,
        OperationKind.DELETE,
        acceptance,
        state=ProvisioningState.DELETING,
        deleting=True,
        system_data=_modified(registry, acceptance),
        resources=dismiss(registry.resources),
    )
    return _leaving(leaving, acceptance.now)


def retry(registry: Registry, acceptance: Acceptance) -> Registry:
    """Return the registry on its way to where it was going, as if nobody had tried yet. What is there stays."""
    if registry.deleting:
        again = _change(
            registry,
            OperationKind.DELETE,
            acceptance,
            state=ProvisioningState.DELETING,
            resources=dismiss(registry.resources),
        )
        return _leaving(again, acceptance.now)
    resources = _assigned(registry, registry.spec)
    return _change(registry, OperationKind.RECONCILE, acceptance, state=ProvisioningState.ACCEPTED, resources=resources)


def cancel(registry: Registry, by: Caller, now: datetime) -> Registry:
    """Return the registry with its operation canceled: what was reached stays, and a visit under way is the last."""
    message = f"Canceled by {by.name}. {last_good(registry)}"
    registry = with_steps(registry.model_copy(update={"state": ProvisioningState.CANCELED}))
    failure = Failure(code=Code.OPERATION_CANCELED, message=message)
    operation = registry.operation.model_copy(
        update={"status": OperationStatus.CANCELED, "end_time": now, "error": failure}
    )
    return with_ready(
        registry.model_copy(update={"operation": operation}), FALSE, reason=failure.code, message=message, now=now
    )


def superseded(operation: Operation, by: Operation) -> Operation:
    """Return the end of an operation that a newer request makes pointless."""
    return operation.model_copy(
        update={
            "status": OperationStatus.CANCELED,
            "end_time": by.start_time,
            "error": Failure(
                code=Code.SUPERSEDED_BY_NEWER_REQUEST,
                message=f"A newer request, operation '{by.id}', took the place of this one before it had ended.",
            ),
        }
    )


def succeed(registry: Registry, now: datetime) -> Registry:
    """Return the registry with its operation ended well: the cloud is as its owner wants it."""
    registry = with_steps(
        registry.model_copy(
            update={
                "state": ProvisioningState.SUCCEEDED,
                "observed_generation": registry.generation,
                "checked_at": now,
            }
        )
    )
    operation = registry.operation.model_copy(
        update={"status": OperationStatus.SUCCEEDED, "percent_complete": 100, "end_time": now}
    )
    registry = registry.model_copy(update={"operation": operation})
    drifted = registry.condition(DRIFTED)
    if drifted is not None:
        reason = {TRUE: "Repaired", FALSE: drifted.reason}.get(drifted.status, "AsWanted")
        registry = with_condition(
            registry, DRIFTED, FALSE, reason=reason, message="Everything is as its owner wants it.", now=now
        )
    return with_ready(
        registry, TRUE, reason="Converged", message="Everything is as the registry's owner wants it.", now=now
    )


def gone(operation: Operation, now: datetime) -> Operation:
    """Return the happy end of a deletion."""
    steps = tuple(step.model_copy(update={"state": None}) for step in operation.steps)
    return operation.model_copy(
        update={"status": OperationStatus.SUCCEEDED, "percent_complete": 100, "end_time": now, "steps": steps}
    )


def fail(registry: Registry, failure: Failure, now: datetime) -> Registry:
    """Return the registry with its operation failed. What was reached stays, and so does the spec."""
    registry = with_steps(registry.model_copy(update={"state": ProvisioningState.FAILED}))
    operation = registry.operation.model_copy(
        update={"status": OperationStatus.FAILED, "end_time": now, "error": failure}
    )
    message = f"{failure.message} {last_good(registry)}"
    return with_ready(
        registry.model_copy(update={"operation": operation}), FALSE, reason=failure.code, message=message, now=now
    )


def time_out(registry: Registry, now: datetime) -> Registry:
    """Return the registry with its operation failed because it took too long, with the last true cause."""
    last = next((resource.failure for resource in registry.resources if resource.failure), registry.operation.trouble)
    if last is not None:
        told = f"The last problem was {last.code}: {last.message}"
    elif registry.operation.status is OperationStatus.NOT_STARTED:
        told = "No worker has begun with it: the service did not run, or was too busy. Try again."
    else:
        told = "No problem was reported."
    message = f"It did not end within {DEADLINE}. {_broken_off(registry) or told}"
    return fail(registry, Failure(code=Code.OPERATION_TIMED_OUT, message=message, kind=FailureKind.PERMANENT), now)


def give_up(registry: Registry, now: datetime) -> Registry:
    """Return the registry with its operation failed because no visit could be made."""
    message = f"The work failed too often. {_broken_off(registry) or _UNKNOWN_CAUSE}"
    return fail(registry, Failure(code=Code.OPERATION_POISONED, message=message, kind=FailureKind.PERMANENT), now)


def _broken_off(registry: Registry) -> str | None:
    error = registry.visit.broken_by
    return error and f"The last visit was broken off by {error} inside of the service; the log has more."


def identity_of(tenant: str, incarnation: str) -> str:
    """Return what makes a registry unlike every other one, past or present."""
    return f"{tenant}|{incarnation}"


def _is_joined(registry: Registry, spec: RegistrySpec, now: datetime) -> bool:
    """Tell whether what is under way makes another spec true as well, because it asks for the same resources."""
    placement = registry.placement
    if registry.state.is_terminal or registry.operation.is_overdue(now):
        return False
    if placement is not None and placement.delegated:
        return False  # what is delegated is one document, which every change alters
    is_reached_alike = spec.public_network_access == registry.spec.public_network_access
    return is_reached_alike and wanted(spec, placement) == registry.wanted


def _with_access(registry: Registry, spec: RegistrySpec, resources: tuple[Resource, ...]) -> tuple[Resource, ...]:
    """Return resources of which those that may be reached from elsewhere are to be seen to, if that changes.

    A call whose outcome nobody knows may yet undo it: until then none of them is as it should be.
    """
    if registry.spec.public_network_access == spec.public_network_access:
        return resources
    reached = _DELEGATED if registry.placement is not None and registry.placement.delegated else _REACHED

    def seen_to(resource: Resource) -> Resource:
        state = ResourceState.PENDING if resource.state is ResourceState.READY else resource.state
        until = max(filter(None, (resource.may_vanish_until, resource.may_appear_until)), default=None)
        return resource.model_copy(update={"state": state, "may_vanish_until": until})

    return tuple(seen_to(resource) if resource.kind in reached else resource for resource in resources)


def _assigned(registry: Registry, spec: RegistrySpec) -> tuple[Resource, ...]:
    identity = identity_of(registry.tenant, registry.incarnation)
    return assign(spec, registry.resources, identity, registry.placement)


def _change(registry: Registry, kind: OperationKind, acceptance: Acceptance, **update: object) -> Registry:
    changed = registry.model_copy(update={"serial": registry.serial + 1, "visit": acceptance.visit, **update})
    operation = acceptance.operation(kind, changed.spec.name, changed.scope, changed.generation)
    return with_steps(changed.model_copy(update={"operation": operation}))


def _leaving(registry: Registry, now: datetime) -> Registry:
    return with_ready(registry, FALSE, reason="Deleting", message="The registry is being deleted.", now=now)


def _modified(registry: Registry, acceptance: Acceptance) -> SystemData:
    return registry.system_data.model_copy(
        update={
            "last_modified_by": acceptance.caller.name,
            "last_modified_by_type": acceptance.caller.kind,
            "last_modified_at": acceptance.now,
        }
    )
