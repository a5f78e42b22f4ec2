"""Which registries of a tenant a caller wants to see."""

from dataclasses import dataclass

from registry_api.domain.registry import ProvisioningState, Registry
from registry_api.domain.scope import Scope


@dataclass(frozen=True, slots=True)
class Filter:
    """What a registry must be like; None does not matter. Everything must be true at once."""

    location: str | None = None  # the primary one
    state: ProvisioningState | None = None
    tag: str | None = None  # `key:value`; both may have colons
    subscription_id: str | None = None
    resource_group: str | None = None

    def matches(self, registry: Registry) -> bool:
        """Tell whether a registry is one of them. Subscriptions and resource groups have no case, as on Azure."""
        return (
            self.location in {None, registry.spec.location}
            and self.state in {None, registry.state}
            and (self.tag is None or any(f"{key}:{value}" == self.tag for key, value in registry.spec.tags.items()))
            and self.covers(registry.scope)
        )

    def covers(self, scope: Scope) -> bool:
        """Tell whether a registry of a scope can be one of them."""
        return _same(self.subscription_id, scope.subscription_id) and _same(self.resource_group, scope.resource_group)


ALL = Filter()


def _same(wanted: str | None, actual: str) -> bool:
    return wanted is None or wanted.lower() == actual.lower()
