"""How a registry moves while workers visit it: the lease is taken, findings are written down, the next visit is set."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple
from zlib import crc32

from registry_api.domain.lifecycle import fail, identity_of, succeed
from registry_api.domain.operation import OperationStatus
from registry_api.domain.plan import Action, Observation, Presence, Verb
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.registry import FALSE, LEASE, Lease, Registry, Visit
from registry_api.domain.resources import Failure, FailureKind, Kind, Resource, ResourceKey, ResourceState, rename
from registry_api.domain.room import fitted
from registry_api.domain.settling import Doubt, doubted, may_appear
from registry_api.domain.status import with_ready, with_steps

FIRST_VISIT_DELAY = timedelta(seconds=1)
_VISIT_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (2, 2, 5, 10, 20, 30))
_EXACT_DELAYS = 2  # the later ones are spread, so that what failed together does not come back together
_SPREAD = 0.25
_LONGEST_REST = timedelta(minutes=5)
LONGEST_WAIT = 2 * _LONGEST_REST  # what is due later was written by a clock that is wrong
_PATIENCE = timedelta(seconds=20)  # far longer than a message takes
_MOST_NAMES = 5
_TOLD_ACTIONS = 3


def following_visit(registry: Registry, token: str, now: datetime) -> Visit:
    """Return the visit after the one that is due; soon, if one was lost, whose lease has held others up."""
    number = 0 if registry.lease.expires is not None else registry.visit.number
    delay = _VISIT_DELAYS[min(number, len(_VISIT_DELAYS) - 1)]
    if number >= _EXACT_DELAYS:
        delay *= 1 + _SPREAD * crc32(token.encode()) / 2**32
    return Visit(token=token, due=now + delay, number=number + 1)


def is_forgotten(registry: Registry, now: datetime) -> bool:
    """Tell whether the message that was to bring the worker must have been lost."""
    if registry.state.is_terminal or registry.lease.is_held(now):
        return False
    return not -LONGEST_WAIT <= now - registry.visit.due <= _PATIENCE


def remind(registry: Registry, now: datetime) -> Registry:
    """Return the registry with its visit due again. It stays the same one: the message may only be late."""
    first_due = registry.visit.first_due or registry.visit.due
    visit = registry.visit.model_copy(update={"due": now + FIRST_VISIT_DELAY, "first_due": first_due})
    return registry.model_copy(update={"visit": visit})


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
            "leased_for": registry.serial,
        }
    )


def break_off(registry: Registry, error: Exception) -> Registry:
    """Return the registry with a note of what its visit was broken off by, a fault or storage that did not answer."""
    visit = registry.visit.model_copy(update={"broken_by": type(error).__name__})
    return registry.model_copy(update={"visit": visit})


def renew_lease(registry: Registry, now: datetime) -> Registry:
    """Return the registry with its lease held for longer by the worker that is there."""
    return registry.model_copy(update={"lease": Lease(epoch=registry.lease.epoch, expires=now + LEASE)})


class Findings(NamedTuple):
    """What a visit found and did, for the request that it worked for."""

    serial: int
    observed: Mapping[ResourceKey, Observation]
    remaining: Sequence[Action]
    failures: Mapping[ResourceKey, Failure] = MappingProxyType({})
    doubts: Mapping[ResourceKey, Doubt] = MappingProxyType({})  # calls whose outcome nobody knows


def end_visit(registry: Registry, findings: Findings, now: datetime) -> Registry | None:
    """Return the registry after a visit, its lease given back; None when it is gone.

    The registry may have changed since the visit began, or its operation may have been canceled. Then the findings
    still tell what is in the cloud, but they conclude nothing: that is for whoever came in between.
    """
    is_same = registry.serial == findings.serial
    registry = registry.model_copy(
        update={
            "resources": fitted(_found(registry, findings, now, is_same=is_same)),
            "lease": registry.lease.model_copy(update={"expires": None}),
        }
    )
    if not is_same or registry.state.is_terminal:
        return with_steps(registry) if not registry.operation.is_terminal else registry
    if not findings.remaining:
        return None if registry.deleting else succeed(registry, now)
    if (cause := _cause_to_give_up(registry, findings)) is not None:
        return fail(registry, cause, now)
    registry = _left_alone(_renamed(_troubled(registry)), findings, now)
    return with_ready(with_steps(registry), FALSE, reason="Progressing", message=summary(findings), now=now)


def to_be_tried_again(registry: Registry | None, findings: Findings) -> Sequence[Failure]:
    """Return the failures that a visit met and the next one tries to get over.

    Args:
        registry: The registry after the visit, None when it is gone.
        findings: What the visit found.
    """
    if registry is None or registry.state.is_terminal:
        return ()
    hopeless = {resource.key for resource in registry.resources if resource.failure and resource.failure.final}
    return [failure for key, failure in findings.failures.items() if key not in hopeless]


def _troubled(registry: Registry) -> Registry:
    """Return the registry with what its operation met last, for the day that it has to tell why it has not ended."""
    met = next((resource.failure for resource in registry.resources if resource.failure), None)
    if met is None:
        return registry
    return registry.model_copy(update={"operation": registry.operation.model_copy(update={"trouble": met})})


def _renamed(registry: Registry) -> Registry:
    """Return the registry with other names for what somebody else has; they are stored before they are used."""
    taken = [resource.key for resource in registry.resources if _is_taken(resource)]
    identity = identity_of(registry.tenant, registry.incarnation)
    return registry.model_copy(update={"resources": rename(registry.resources, taken, identity)})


def _is_taken(resource: Resource) -> bool:
    return resource.failure is not None and resource.failure.kind is FailureKind.NAME_TAKEN


def _left_alone(registry: Registry, findings: Findings, now: datetime) -> Registry:
    """Return the registry with its next visit not before there is something that the cloud may be asked about."""
    by_key = {resource.key: resource for resource in registry.resources}
    waiting = [by_key[action.resource.key] for action in findings.remaining if action.blocked_by is None]
    hopeful = [resource for resource in waiting if resource.failure is None or not resource.failure.final]
    soonest = min((resource.rests_until or now for resource in hopeful), default=now)
    visit = registry.visit.model_copy(update={"due": max(registry.visit.due, soonest)})
    return registry.model_copy(update={"visit": visit})


def _found(registry: Registry, findings: Findings, now: datetime, *, is_same: bool) -> tuple[Resource, ...]:
    """Return the resources as they were found; what is neither wanted nor there any more is dropped."""
    actions = {action.resource.key: action for action in findings.remaining}
    result = []
    for resource in registry.resources:
        seen = findings.observed.get(resource.key)
        if seen is None:
            result.append(resource)
            continue
        is_wanted = resource.key in registry.wanted
        if is_same and not is_wanted and seen.presence is Presence.ABSENT:
            continue
        # A failure that an older request met must not keep a newer one from trying.
        met = findings.failures.get(resource.key)
        failure = _judged(resource, met, now) if is_same else None
        rest = met.retry_after if met and met.retry_after else seen.rest
        found = resource.model_copy(
            update={
                "state": _state(seen.presence, failure, actions.get(resource.key), is_wanted=is_wanted),
                "failure": failure,
                "rests_until": now + min(rest, _LONGEST_REST) if rest else None,
                "details": dict(seen.details) or resource.details,
            }
        )
        if (doubt := findings.doubts.get(resource.key)) is not None:
            found = doubted(found, doubt)
            if not is_same:  # what an older request wanted of it may be something else
                found = doubted(found, doubt._replace(verb=Verb.DELETE))
        result.append(found)
    return tuple(result)


def _judged(resource: Resource, failure: Failure | None, now: datetime) -> Failure | None:
    """Return a failure as it counts: a name that is taken is hopeless where no other one can be chosen.

    While a call of ours may yet make the resource, it may be that call which has the name.
    """
    if failure is None or failure.kind is not FailureKind.NAME_TAKEN:
        return failure
    if may_appear(resource, now):
        return failure.model_copy(update={"kind": FailureKind.TRANSIENT})
    is_fixed = resource.kind in {Kind.REPLICA, Kind.ML_REGISTRY} or not resource.name
    can_change = not is_fixed and not resource.details and resource.attempt + 1 < _MOST_NAMES
    return failure if can_change else failure.model_copy(update={"kind": FailureKind.BLOCKED})


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


def _cause_to_give_up(registry: Registry, findings: Findings) -> Failure | None:
    """Return why there is no point in another visit, or None while there is one."""
    failures = {resource.key: resource.failure for resource in registry.resources if resource.failure}
    hopeless = {key: failure for key, failure in failures.items() if failure.final}
    if any(action.resource.key not in hopeless and action.blocked_by not in hopeless for action in findings.remaining):
        return None
    return next(iter(hopeless.values()), None)


def summary(findings: Findings) -> str:
    """Say in short what is left to do."""
    words = {Verb.CREATE: "making", Verb.REPAIR: "mending", Verb.DELETE: "removing", Verb.WAIT: "waiting for"}
    told = [
        f"{words[action.verb]} {action.resource.kind} in {action.resource.region}"
        for action in findings.remaining[:_TOLD_ACTIONS]
    ]
    left = len(findings.remaining) - len(told)
    return "; ".join([*told, f"and {left} more"] if left else told)
