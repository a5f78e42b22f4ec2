"""Whether the cloud still is as it was made. What has drifted is told, and repaired unless the registry is paused."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from registry_api.domain.plan import Action, Presence
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.registry import DRIFTED, FALSE, TRUE, UNKNOWN, Registry
from registry_api.domain.resources import ResourceKey
from registry_api.domain.status import with_condition, with_ready
from registry_api.domain.visits import Findings, summary

CHECK_INTERVAL = timedelta(hours=1)


def is_to_be_checked(registry: Registry, now: datetime) -> bool:
    """Tell whether it is time to look whether a registry that was reached still is as it was."""
    if registry.state is not ProvisioningState.SUCCEEDED:
        return False
    return registry.checked_at is None or abs(now - registry.checked_at) >= CHECK_INTERVAL


def checked(registry: Registry, findings: Findings, now: datetime) -> Registry:
    """Return a registry after it was looked at: what is seen to have drifted is told, whatever else cannot be seen."""
    registry = registry.model_copy(update={"checked_at": now})
    drifted = findings._replace(remaining=seen_to_drift(findings))
    if drifted.remaining:
        message = f"To be done: {summary(drifted)}."
        registry = with_condition(registry, DRIFTED, TRUE, reason="DriftFound", message=message, now=now)
        return with_ready(registry, FALSE, reason="DriftFound", message=message, now=now)
    if findings.remaining:
        message = next(
            (failure.message for failure in findings.failures.values()),
            "It is being changed, or is not to be asked yet.",
        )
        return with_condition(registry, DRIFTED, UNKNOWN, reason="NotSeen", message=message, now=now)
    message = "Everything is as it was made."
    registry = with_condition(registry, DRIFTED, FALSE, reason="AsWanted", message=message, now=now)
    return with_ready(registry, TRUE, reason="Converged", message=message, now=now)


def is_found(before: Registry, after: Registry) -> bool:
    """Tell whether a registry was not known to have drifted, and is now."""
    return _status(before) != TRUE and _status(after) == TRUE


def is_repaired(before: Registry, after: Registry) -> bool:
    """Tell whether what had drifted is as its owner wants it again, whoever asked for that."""
    return _status(before) == TRUE and _status(after) == FALSE


def _status(registry: Registry) -> str | None:
    condition = registry.condition(DRIFTED)
    return condition.status if condition is not None else None


def is_to_be_repaired(registry: Registry, findings: Findings) -> bool:
    """Tell whether a registry that has drifted is to be repaired now.

    What is seen only in part is left until all of it can be: else an operation would wait for a region that cannot
    be seen, and a registry that works would end as a failed one.
    """
    is_seen = len(seen_to_drift(findings)) == len(findings.remaining)
    return bool(findings.remaining) and is_seen and not registry.spec.paused


def seen_to_drift(findings: Findings) -> Sequence[Action]:
    """Return what is to be done because of what was seen; what was not is merely waited for."""
    return [action for action in findings.remaining if _is_seen(action.resource.key, findings)]


def _is_seen(key: ResourceKey, findings: Findings) -> bool:
    """Tell whether it was seen how a resource is: not while somebody is changing it, who may be Azure itself."""
    seen = findings.observed.get(key)
    return seen is not None and seen.presence is not Presence.CHANGING and key not in findings.failures
