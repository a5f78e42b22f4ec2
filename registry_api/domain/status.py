"""How a registry's state is told: its operation's steps and its conditions."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from registry_api.domain.operation import OperationStatus, Step
from registry_api.domain.registry import READY, Condition, Registry
from registry_api.domain.resources import Resource, ResourceState, state_of


def steps_of(regions: Mapping[str, Sequence[Resource]]) -> Iterator[Step]:
    """Yield how far each region is; None where nothing is left of it."""
    for region, resources in regions.items():
        failure = next((resource.failure for resource in resources if resource.failure), None)
        yield Step(
            location=region,
            state=state_of(resources) if resources else None,
            message=failure.message if failure else None,
        )


def with_steps(registry: Registry) -> Registry:
    """Return the registry with its operation's steps and percentage as its resources say."""
    regions = registry.regions
    known = {step.location for step in registry.operation.steps} - regions.keys()
    steps = [*steps_of(regions), *(Step(location=region, state=None) for region in sorted(known))]
    done = sum(resource.state is ResourceState.READY for resource in registry.resources if not registry.deleting)
    gone_regions = sum(step.state is None for step in steps)
    total = len(registry.resources) + gone_regions
    is_begun = registry.operation.status is not OperationStatus.NOT_STARTED
    percent = 100 * (done + gone_regions) // total if total and is_begun else 0
    operation = registry.operation.model_copy(update={"steps": tuple(steps), "percent_complete": min(percent, 99)})
    return registry.model_copy(update={"operation": operation})


def with_ready(registry: Registry, status: str, *, reason: str, message: str, now: datetime) -> Registry:
    """Return the registry with its summary, the condition that is always there once a visit has ended."""
    return with_condition(registry, READY, status, reason=reason, message=message, now=now)


def with_condition(registry: Registry, kind: str, status: str, *, reason: str, message: str, now: datetime) -> Registry:
    """Return the registry with a condition set; its time changes only with its status."""
    before = registry.condition(kind)
    condition = Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message,
        observed_generation=registry.generation,
        last_transition_time=before.last_transition_time if before is not None and before.status == status else now,
    )
    others = (other for other in registry.conditions if other.type != kind)
    return registry.model_copy(
        update={"conditions": tuple(sorted([condition, *others], key=lambda one: (one.type != READY, one.type)))}
    )


def last_good(registry: Registry) -> str:
    """Say which generation was reached last."""
    if not registry.observed_generation:
        return "No generation has been reached yet."
    return f"Generation {registry.observed_generation} was the last that was reached."
