"""How a registry moves from state to state: accepted, visited by a worker, concluded.

Every function is pure: it takes a registry as it is stored and returns it as it is to be stored. The newest
operation travels inside the registry, so that one read tells everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from registry_api.domain.operation import Operation, OperationKind, OperationStatus, Step
from registry_api.domain.plan import Action, Observation, Presence, Verb
from registry_api.domain.problems import Code
from registry_api.domain.registry import (
    Caller,
    Condition,
    Lease,
    ProvisioningState,
    Registry,
    Scope,
    SystemData,
    Visit,
)
from registry_api.domain.resources import Failure, Resource, ResourceKey, ResourceState, assign, dismiss
from registry_api.domain.spec import RegistrySpec

OPERATION_DEADLINE = timedelta(hours=1)
LEASE = timedelta(seconds=30)
FIRST_VISIT_DELAY = timedelta(seconds=1)
_VISIT_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (2, 2, 5, 10, 20, 30))

_READY = "Ready"
_TOLD_ACTIONS = 3


def visit_delay(number: int) -> timedelta:
    """Return how long after visit `number` of a generation the next one follows."""
    return _VISIT_DELAYS[min(number, len(_VISIT_DELAYS) - 1)]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What every accepted request brings along: who asks, when, and the names of what it starts."""

    caller: Caller
    now: datetime
    operation_id: str
    visit: Visit
    traceparent: str | None = None

    def operation(self, kind: OperationKind, registry: str, generation: int) -> Operation:
        """Return the operation that the request starts."""
        return Operation(
            id=self.operation_id,
            kind=kind,
            registry=registry,
            generation=generation,
            start_time=self.now,
            requested_by=self.caller.name,
            traceparent=self.traceparent,
        )


def create(spec: RegistrySpec, scope: Scope, acceptance: Acceptance) -> Registry:
    """Return a new registry."""
    caller, now = acceptance.caller, acceptance.now
    operation = acceptance.operation(OperationKind.CREATE, spec.name, generation=1)
    registry = Registry(
        tenant=caller.tenant,
        scope=scope,
        incarnation=operation.id,
        spec=spec,
        generation=1,
        state=ProvisioningState.ACCEPTED,
        operation=operation,
        resources=assign(spec, (), _identity(caller.tenant, operation.id)),
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
    return _with_steps(registry)


def update(registry: Registry, spec: RegistrySpec, acceptance: Acceptance) -> Registry:
    """Return the registry with another spec, on its way to it."""
    return _change(
        registry,
        OperationKind.UPDATE,
        acceptance,
        spec=spec,
        state=ProvisioningState.ACCEPTED,
        deleting=False,
        resources=assign(spec, registry.resources, _identity(registry.tenant, registry.incarnation)),
    )


def delete(registry: Registry, acceptance: Acceptance) -> Registry:
    """Return the registry on its way out."""
    return _change(
        registry,
        OperationKind.DELETE,
        acceptance,
        state=ProvisioningState.DELETING,
        deleting=True,
        resources=dismiss(registry.resources),
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


def begin_visit(registry: Registry, visit: Visit, now: datetime) -> Registry:
    """Return the registry with its lease taken by the worker that is there now.

    Args:
        registry: The registry, its lease not held.
        visit: The next visit, announced already.
        now: The time.
    """
    state = registry.state
    if state is ProvisioningState.ACCEPTED:
        state = ProvisioningState.UPDATING if registry.observed_generation else ProvisioningState.CREATING
    return registry.model_copy(
        update={
            "state": state,
            "operation": registry.operation.model_copy(update={"status": OperationStatus.RUNNING}),
            "visit": visit,
            "lease": Lease(epoch=registry.lease.epoch + 1, expires=now + LEASE),
        }
    )


@dataclass(frozen=True, slots=True)
class Findings:
    """What a visit found and did, for the generation that it worked for."""

    generation: int
    observed: Mapping[ResourceKey, Observation]
    remaining: Sequence[Action]
    failures: Mapping[ResourceKey, Failure] = field(default_factory=dict)


def end_visit(registry: Registry, findings: Findings, now: datetime) -> Registry | None:
    """Return the registry after a visit, its lease given back; None when it is gone.

    The registry may have changed since the visit began. Then the findings still tell what is in the cloud,
    but they conclude nothing: that is for the visit which the newer request announced.
    """
    registry = registry.model_copy(
        update={
            "resources": _found(registry, findings),
            "lease": registry.lease.model_copy(update={"expires": None}),
        }
    )
    if registry.generation != findings.generation:
        return _with_steps(registry)
    if not findings.remaining:
        return None if registry.deleting else _succeed(registry, now)
    if (failure := _cause_to_give_up(registry, findings, now)) is not None:
        return fail(registry, failure, now)
    return _ready(_with_steps(registry), "False", "Progressing", _summary(findings), now)


def gone(operation: Operation, now: datetime) -> Operation:
    """Return the happy end of a deletion."""
    steps = tuple(step.model_copy(update={"state": None}) for step in operation.steps)
    return operation.model_copy(
        update={"status": OperationStatus.SUCCEEDED, "percent_complete": 100, "end_time": now, "steps": steps}
    )


def fail(registry: Registry, failure: Failure, now: datetime) -> Registry:
    """Return the registry with its operation failed. What was reached stays, and so does the spec."""
    registry = _with_steps(registry.model_copy(update={"state": ProvisioningState.FAILED}))
    operation = registry.operation.model_copy(
        update={"status": OperationStatus.FAILED, "end_time": now, "error": failure}
    )
    return _ready(registry.model_copy(update={"operation": operation}), "False", failure.code, failure.message, now)


def _identity(tenant: str, incarnation: str) -> str:
    return f"{tenant}|{incarnation}"


def _change(registry: Registry, kind: OperationKind, acceptance: Acceptance, **update: object) -> Registry:
    caller, now = acceptance.caller, acceptance.now
    generation = registry.generation + 1
    changed = registry.model_copy(
        update={
            "generation": generation,
            "operation": acceptance.operation(kind, registry.spec.name, generation),
            "visit": acceptance.visit,
            "system_data": registry.system_data.model_copy(
                update={
                    "last_modified_by": caller.name,
                    "last_modified_by_type": caller.kind,
                    "last_modified_at": now,
                }
            ),
            **update,
        }
    )
    return _with_steps(changed)


def _found(registry: Registry, findings: Findings) -> tuple[Resource, ...]:
    """Return the resources as they were found; what is neither wanted nor there any more is dropped."""
    actions = {action.resource.key: action for action in findings.remaining}
    result = []
    for resource in registry.resources:
        seen = findings.observed.get(resource.key)
        if seen is None:
            result.append(resource)
            continue
        is_wanted = resource.key in registry.wanted
        if not is_wanted and seen.presence is Presence.ABSENT:
            continue
        failure = findings.failures.get(resource.key)
        result.append(
            resource.model_copy(
                update={
                    "state": _state(seen.presence, failure, actions.get(resource.key), is_wanted=is_wanted),
                    "failure": failure,
                    "details": dict(seen.details) or resource.details,
                }
            )
        )
    return tuple(result)


def _state(seen: Presence, failure: Failure | None, action: Action | None, *, is_wanted: bool) -> ResourceState:
    if failure is not None and failure.final:
        return ResourceState.FAILED
    if not is_wanted:
        return ResourceState.REMOVING
    if seen is Presence.READY:
        return ResourceState.READY
    if action is not None and action.blocked_by is not None:
        return ResourceState.PENDING
    return ResourceState.PROVISIONING


def _succeed(registry: Registry, now: datetime) -> Registry:
    registry = _with_steps(
        registry.model_copy(update={"state": ProvisioningState.SUCCEEDED, "observed_generation": registry.generation})
    )
    operation = registry.operation.model_copy(
        update={"status": OperationStatus.SUCCEEDED, "percent_complete": 100, "end_time": now}
    )
    registry = registry.model_copy(update={"operation": operation})
    return _ready(registry, "True", "Converged", "Everything is as the registry's owner wants it.", now)


def _cause_to_give_up(registry: Registry, findings: Findings, now: datetime) -> Failure | None:
    """Return why there is no point in another visit, or None while there is one."""
    hopeless = {key: failure for key, failure in findings.failures.items() if failure.final}
    if all(action.resource.key in hopeless or action.blocked_by in hopeless for action in findings.remaining) and (
        cause := next(iter(hopeless.values()), None)
    ):
        return cause
    if now - registry.operation.start_time < OPERATION_DEADLINE:
        return None
    last = next(iter(findings.failures.values()), None)
    told = f" The last problem was {last.code}: {last.message}" if last else " No problem was reported."
    return Failure(
        code=Code.OPERATION_TIMED_OUT,
        message=f"The operation did not end within {OPERATION_DEADLINE}.{told} It was {_summary(findings)}.",
    )


def _summary(findings: Findings) -> str:
    words = {Verb.CREATE: "making", Verb.REPAIR: "mending", Verb.DELETE: "removing", Verb.WAIT: "waiting for"}
    told = [
        f"{words[action.verb]} {action.resource.kind} in {action.resource.region}"
        for action in findings.remaining[:_TOLD_ACTIONS]
    ]
    left = len(findings.remaining) - len(told)
    return "; ".join([*told, f"and {left} more"] if left else told)


def _with_steps(registry: Registry) -> Registry:
    """Return the registry with its operation's steps and percentage as its resources say."""
    steps = []
    states = registry.region_states()
    known = {step.location for step in registry.operation.steps} - states.keys()
    for region, resources in registry.regions.items():
        failure = next((resource.failure for resource in resources if resource.failure), None)
        steps.append(
            Step(
                location=region,
                state=states[region] if resources else None,
                message=failure.message if failure else None,
            )
        )
    steps += [Step(location=region, state=None) for region in sorted(known)]
    done = sum(resource.state is ResourceState.READY for resource in registry.resources if not registry.deleting)
    gone_regions = sum(step.state is None for step in steps)
    total = len(registry.resources) + gone_regions
    percent = 100 * (done + gone_regions) // total if total else 0
    operation = registry.operation.model_copy(update={"steps": tuple(steps), "percent_complete": min(percent, 99)})
    return registry.model_copy(update={"operation": operation})


def _ready(registry: Registry, status: str, reason: str, message: str, now: datetime) -> Registry:
    """Return the registry with its `Ready` condition set; the time changes only with the status."""
    before = next((condition for condition in registry.conditions if condition.type == _READY), None)
    since = before.last_transition_time if before is not None and before.status == status else now
    condition = Condition(
        type=_READY,
        status=status,
        reason=reason,
        message=message,
        observed_generation=registry.generation,
        last_transition_time=since,
    )
    others = tuple(other for other in registry.conditions if other.type != _READY)
    return registry.model_copy(update={"conditions": (condition, *others)})
