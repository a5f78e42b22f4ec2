"""A registry: what is wanted of it, what is true of it, and how it gets from one to the other."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import Operation
from registry_api.domain.placement import Placement
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.record import Record
from registry_api.domain.resources import Kind, Resource, ResourceKey, wanted
from registry_api.domain.scope import Scope
from registry_api.domain.spec import RegistrySpec, StorageConfig


class SystemData(Record):
    """Who made a registry and who changed it last, as Azure Resource Manager writes it."""

    created_by: str
    created_by_type: str
    created_at: datetime
    last_modified_by: str
    last_modified_by_type: str
    last_modified_at: datetime

    def as_json(self) -> dict[str, str]:
        """Return it as it stands in an answer."""
        return self.model_dump(mode="json")


READY, DRIFTED = "Ready", "Drifted"  # the types of conditions
TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"


class Condition(Record):
    """One aspect of a registry's state, by the conventions of the Kubernetes API."""

    type: str
    status: str
    reason: str
    message: str
    observed_generation: int
    last_transition_time: datetime


class Visit(Record):
    """The next time that a worker is to look at a registry.

    `token` names the one message that will bring the worker; any other is a stray.
    """

    token: str
    due: datetime
    first_due: datetime | None = None  # before the resync had to remind of it
    broken_by: str | None = None  # the kind of the error that this visit, or the one before, was broken off by
    number: int = 0  # visits so far for this request since one was lost, from which the delay between them grows


CLOCK_SKEW = timedelta(seconds=1)  # between any two readings, by whichever machine's clock, of the same moment
LEASE = timedelta(seconds=30)
_LONGEST_LEASE = 2 * LEASE  # what is longer was written by a clock that is wrong


class Lease(Record):
    """The right to act on a registry. `epoch` grows with every acquisition and fences the one before."""

    epoch: int = 0
    expires: datetime | None = None

    def is_held(self, now: datetime) -> bool:
        """Tell whether a worker holds it."""
        return self.expires is not None and now < self.expires <= now + _LONGEST_LEASE


def by_region(spec: RegistrySpec, resources: Iterable[Resource]) -> dict[str, list[Resource]]:
    """Return resources by region: those of the spec in its order, then others."""
    found: dict[str, list[Resource]] = {name: [] for name in spec.region_names}
    for resource in resources:
        found.setdefault(resource.region, []).append(resource)
    return found


class Registry(Record):
    """Everything that is stored about one registry. Who writes which field: docs/architecture.md."""

    tenant: str
    scope: Scope
    placement: Placement | None = None  # None where the cloud has no groups
    incarnation: str
    spec: RegistrySpec
    serial: int  # operations begun so far; tells whether a request that was announced was also committed
    generation: int  # specs accepted so far
    observed_generation: int = 0
    state: ProvisioningState
    deleting: bool = False
    operation: Operation  # the newest; its own row is a copy that outlives the registry
    resources: tuple[Resource, ...]
    conditions: tuple[Condition, ...] = ()
    system_data: SystemData
    visit: Visit
    lease: Lease = Lease()
    leased_for: int = 0  # the serial of the request for which the lease was taken last
    events: int = 0  # that happened so far
    form: int = 0  # of the view that is kept beside it
    checked_at: datetime | None = None  # when the cloud was last found, or made, as it should be

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of a type."""
        return next((condition for condition in self.conditions if condition.type == kind), None)

    @property
    def key(self) -> RegistryKey:
        """Return the registry's key."""
        return RegistryKey.of(self.tenant, self.spec.name)

    @property
    def wanted(self) -> dict[ResourceKey, StorageConfig | None]:
        """Return the resources that the registry is to have."""
        return {} if self.deleting else wanted(self.spec, self.placement)

    @property
    def managed_group(self) -> str | None:
        """Return the name of the group that its resources are in, None when the cloud has none for it."""
        if self.placement is None:
            return None
        if self.placement.delegated:
            groups = (resource.details.get("managed_resource_group") for resource in self.resources)
            return next(filter(None, groups), None)
        own = (resource.name for resource in self.resources if resource.kind is Kind.RESOURCE_GROUP)
        return self.placement.resource_group or next(own, None)

    @property
    def storage_configs(self) -> dict[str, StorageConfig]:
        """Return how the storage accounts of each region were made, of regions on their way out as well."""
        return {resource.region: resource.storage_config for resource in self.resources if resource.storage_config}

    @property
    def fence(self) -> tuple[str, int]:
        """Return what only the holder of the lease knows: epochs begin anew with every incarnation."""
        return self.incarnation, self.lease.epoch

    @property
    def id(self) -> str:
        """Return the Azure resource id."""
        return self.scope.registry_id(self.spec.name)

    @property
    def etag(self) -> str:
        """Return the public entity tag: equal if and only if the spec and the incarnation are.

        The storage service's own tag is not used: it changes with every status write, and by time.
        """
        text = f"{self.incarnation}\n{self.spec.model_dump_json()}"
        return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'

    @property
    def regions(self) -> Mapping[str, Sequence[Resource]]:
        """Return the resources by region: those of the spec in its order, then those on their way out."""
        return by_region(self.spec, self.resources)
