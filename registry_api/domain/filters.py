"""Which registries of a tenant a caller wants to see."""

from collections.abc import Mapping
from typing import NamedTuple

from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.scope import Scope


class Filter(NamedTuple):
    """What a registry must be like; None does not matter. Everything must be true at once."""

    location: str | None = None  # the primary one
    state: ProvisioningState | None = None
    tag: str | None = None  # `key:value`; both may have colons
    subscription_id: str | None = None
    resource_group: str | None = None

    @property
    def is_of_scopes(self) -> bool:
        """Tell whether nothing but a registry's scope matters."""
        return self.location is self.state is self.tag is None

    def matches(self, location: str, state: str, tags: Mapping[str, str]) -> bool:
        """Tell whether a registry of a scope that is covered is one of them."""
        return (
            self.location in {None, location}
            and self.state in {None, state}
            and (self.tag is None or any(f"{key}:{value}" == self.tag for key, value in tags.items()))
        )

    def covers(self, scope: Scope) -> bool:
        """Tell whether a registry of a scope can be one of them. Scopes have no case, as on Azure."""
        return _same(self.subscription_id, scope.subscription_id) and _same(self.resource_group, scope.resource_group)


ALL = Filter()


def _same(wanted: str | None, actual: str) -> bool:
    return wanted is None or wanted.lower() == actual.lower()
