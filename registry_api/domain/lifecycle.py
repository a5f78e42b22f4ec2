"""How a registry moves from state to state: accepted, visited by a worker, concluded.

Every function is pure: it takes a registry as it is stored and returns it as it is to be stored. The newest
operation travels inside the registry, so that one read tells everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from registry_api.domain.operation import DEADLINE, Operation, OperationKind, OperationStatus, Step
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

LEASE = timedelta(seconds=30)
FIRST_VISIT_DELAY = timedelta(seconds=1)
_VISIT_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (2, 2, 5, 10, 20, 30))

_PATIENCE = timedelta(minutes=2)  # far longer than a lease, so that a busy worker is not taken for a lost message
_READY = "Ready"
_TOLD_ACTIONS = 3


def visit_delay(number: int) -> timedelta:
    """Return how long after visit `number` for a request the next one follows."""
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
        serial=1,
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
        generation=registry.generation + (spec != registry.spec),
        state=ProvisioningState.ACCEPTED,
        deleting=False,
        system_data=_modified(registry, acceptance),
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
        system_data=_modified(registry, acceptance),
        resources=dismiss(registry.resources),
    )


def retry(registry: Registry, acceptance: Acceptance) -> Registry:
    """Return the registry on its way to where it was going, as if nobody had tried yet. What is there stays."""
    if registry.deleting:
        resources, state = dismiss(registry.resources), ProvisioningState.DELETING
    else:
        resources = assign(registry.spec, registry.resources, _identity(registry.tenant, registry.incarnation))
        state = ProvisioningState.ACCEPTED
    return _change(registry, OperationKind.RECONCILE, acceptance, state=state, resources=resources)


def cancel(registry: Registry, by: Caller, now: datetime) -> Registry:
    """Return the registry with its operation canceled: what was reached stays, and a visit under way is the last."""
    message = f"Canceled by {by.name}. {_last_good(registry)}"
    registry = _with_steps(registry.model_copy(update={"state": ProvisioningState.CANCELED}))
    failure = Failure(code=Code.OPERATION_CANCELED, message=message)
    operation = registry.operation.model_copy(
        update={"status": OperationStatus.CANCELED, "end_time": now, "error": failure}
    )
    return _ready(registry.model_copy(update={"operation": operation}), "False", failure.code, message, now)


def is_forgotten(registry: Registry, now: datetime) -> bool:
    """Tell whether the message that was to bring the worker must have been lost."""
    return not registry.state.is_terminal and now - registry.visit.due > _PATIENCE


def remind(registry: Registry, acceptance: Acceptance) -> Registry:
    """Return the registry with another visit announced, and everything else as it is."""
    visit = acceptance.visit.model_copy(update={"number": registry.visit.number})
    return registry.model_copy(update={"visit": visit})


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
    """What a visit found and did, for the request that it worked for."""

    serial: int
    observed: Mapping[ResourceKey, Observation]
    remaining: Sequence[Action]
    failures: Mapping[ResourceKey, Failure] = field(default_factory=dict)


def end_visit(registry: Registry, findings: Findings, now: datetime) -> Registry | None:
    """Return the registry after a visit, its lease given back; None when it is gone.

    The registry may have changed since the visit began, or its operation may have been canceled. Then the findings
    still tell what is in the cloud, but they conclude nothing: that is for whoever came in between.
    """
    registry = registry.model_copy(
        update={
            "resources": _found(registry, findings),
            "lease": registry.lease.model_copy(update={"expires": None}),
        }
    )
    if registry.serial != findings.serial or registry.state.is_terminal:
        return _with_steps(registry) if not registry.operation.is_terminal else registry
    if not findings.remaining:
        return None if registry.deleting else _succeed(registry, now)
    if (failure := _cause_to_give_up(findings)) is not None:
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
    message = f"{failure.message} {_last_good(registry)}"
    return _ready(registry.model_copy(update={"operation": operation}), "False", failure.code, message, now)


def time_out(registry: Registry, now: datetime) -> Registry:
    """Return the registry with its operation failed because it took too long, with the last true cause."""
    last = next((resource.failure for resource in registry.resources if resource.failure), None)
    told = f"The last problem was {last.code}: {last.message}" if last else "No problem was reported."
    failure = Failure(code=Code.OPERATION_TIMED_OUT, message=f"It did not end within {DEADLINE}. {told}", final=True)
    return fail(registry, failure, now)


def _last_good(registry: Registry) -> str:
    if not registry.observed_generation:
        return "No generation has been reached yet."
    return f"Generation {registry.observed_generation} was the last that was reached."


def _identity(tenant: str, incarnation: str) -> str:
    return f"{tenant}|{incarnation}"


def _change(registry: Registry, kind: OperationKind, acceptance: Acceptance, **update: object) -> Registry:
    changed = registry.model_copy(update={"serial": registry.serial + 1, "visit": acceptance.visit, **update})
    operation = acceptance.operation(kind, changed.spec.name, changed.generation)
    return _with_steps(changed.model_copy(update={"operation": operation}))


def _modified(registry: Registry, acceptance: Acceptance) -> SystemData:
    return registry.system_data.model_copy(
        update={
            "last_modified_by": acceptance.caller.name,
            "last_modified_by_type": acceptance.caller.kind,
            "last_modified_at": acceptance.now,
        }
    )


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
        # A failure that an older request met must not keep a newer one from trying.
        failure = findings.failures.get(resource.key) if registry.serial == findings.serial else None
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


def _cause_to_give_up(findings: Findings) -> Failure | None:
    """Return why there is no point in another visit, or None while there is one."""
    hopeless = {key: failure for key, failure in findings.failures.items() if failure.final}
    if any(action.resource.key not in hopeless and action.blocked_by not in hopeless for action in findings.remaining):
        return None
    return next(iter(hopeless.values()), None)


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
    steps += [Step(location=region, state=None, message=None) for region in sorted(known)]
    done = sum(resource.state is ResourceState.READY for resource in registry.resources if not registry.deleting)
    gone_regions = sum(step.state is None for step in steps)
    total = len(registry.resources) + gone_regions
    is_begun = registry.operation.status is not OperationStatus.NOT_STARTED
    percent = 100 * (done + gone_regions) // total if total and is_begun else 0
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
