"""Whether the cloud still is as it was made. What has drifted is told, and repaired unless the registry is paused."""

from datetime import datetime, timedelta

from registry_api.domain.registry import DRIFTED, FALSE, TRUE, ProvisioningState, Registry
from registry_api.domain.status import with_condition
from registry_api.domain.visits import Findings, summary

CHECK_INTERVAL = timedelta(hours=1)


def is_to_be_checked(registry: Registry, now: datetime) -> bool:
    """Tell whether it is time to look whether a registry that was reached still is as it was."""
    if registry.state is not ProvisioningState.SUCCEEDED:
        return False
    return registry.checked_at is None or now - registry.checked_at >= CHECK_INTERVAL


def checked(registry: Registry, findings: Findings, now: datetime) -> Registry:
    """Return a registry after it was looked at. What could not be seen has not drifted, as far as is known."""
    registry = registry.model_copy(update={"checked_at": now})
    if findings.failures:
        return registry
    if not findings.remaining:
        return with_condition(
            registry, DRIFTED, FALSE, reason="AsWanted", message="Everything is as it was made.", now=now
        )
    return with_condition(
        registry, DRIFTED, TRUE, reason="DriftFound", message=f"To be done: {summary(findings)}.", now=now
    )
