"""What a registry owns in the cloud: storage accounts in every region, a container registry, replicas, a group."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field

from registry_api.domain.placement import Placement
from registry_api.domain.record import Record
from registry_api.domain.spec import RegistrySpec, StorageConfig

# Vowel-free, so that no hash spells a word that Azure reserves; lower case, as storage accounts ask for.
_ALPHABET = "bcdfghjkmnpqrstvwxz0123456789"
_LETTER_OF_BYTE = bytes(ord(_ALPHABET[byte % len(_ALPHABET)]) for byte in range(256))
_NAME_PREFIX = "mlr"
_HASH_LENGTH = 21


class Kind(StrEnum):
    """The kinds of cloud resources, in the order in which they are made."""

    RESOURCE_GROUP = "ResourceGroup"  # only where a placement asks for one of the registry's own
    ML_REGISTRY = "MachineLearningRegistry"  # only where a placement delegates: everything below is part of it
    STORAGE_ACCOUNT = "StorageAccount"  # with its one container, `assets`
    CONTAINER_REGISTRY = "ContainerRegistry"
    REPLICA = "ContainerRegistryReplica"


_ORDER = {kind: number for number, kind in enumerate(Kind)}


class ResourceState(StrEnum):
    """What is known of a resource, and of a region as a whole."""

    PENDING = "Pending"
    PROVISIONING = "Provisioning"
    READY = "Ready"
    REMOVING = "Removing"
    FAILED = "Failed"


class ResourceKey(NamedTuple):
    """What tells a registry's resources apart."""

    kind: Kind
    region: str
    ordinal: int = 0


_LONGEST_MESSAGE = 300


def _shorten(message: str) -> str:
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[: _LONGEST_MESSAGE - 1]}…"


class FailureKind(StrEnum):
    """What a failure means for the one who met it."""

    TRANSIENT = "Transient"  # it may well work soon
    THROTTLED = "Throttled"  # it will work after a while that the cloud names
    BLOCKED = "Blocked"  # it will work once somebody has acted: a policy, a lock, a quota, a right
    PERMANENT = "Permanent"  # it will never work as it is asked for
    NAME_TAKEN = "NameTaken"  # it will work under another name


class Failure(Record):
    """Why a resource is not what it should be."""

    code: str
    message: Annotated[str, AfterValidator(_shorten)]  # so that hundreds of them fit into the registry's row
    kind: FailureKind = FailureKind.TRANSIENT
    retry_after: timedelta | None = None  # how long the cloud wants to be left alone

    @property
    def final(self) -> bool:
        """Tell whether trying again before somebody acts is pointless."""
        return self.kind in {FailureKind.BLOCKED, FailureKind.PERMANENT}


class Resource(Record):
    """One cloud resource that the registry has, wants or is getting rid of.

    `name` is the resource's own name in the cloud. It is stored before the first call that uses it and never
    derived again, so that whatever crashes, what was made can be found. It is empty where the cloud chooses it.
    """

    kind: Kind
    region: str
    ordinal: int = 0
    name: str
    attempt: int = 0  # names that were taken before this one
    storage_config: StorageConfig | None = None
    state: ResourceState = ResourceState.PENDING
    failure: Failure | None = None
    rests_until: datetime | None = None  # the cloud wants to be left alone about it, whoever asks
    may_appear_until: datetime | None = None  # by a call that makes it and whose outcome nobody knows
    may_vanish_until: datetime | None = None  # by one that removes it
    details: dict[str, str] = Field(default_factory=dict)  # what the backend tells of it: id, endpoint, container

    @property
    def key(self) -> ResourceKey:
        """Return what tells this resource from the registry's others."""
        return ResourceKey(self.kind, self.region, self.ordinal)

    @property
    def known_name(self) -> str:
        """Return its name in the cloud; empty as long as the cloud has not chosen one."""
        return self.name or self.details.get("id", "").rpartition("/")[2]

    def is_resting(self, now: datetime) -> bool:
        """Tell whether the cloud is not to be asked about it yet."""
        return self.rests_until is not None and now < self.rests_until


def wanted(spec: RegistrySpec, placement: Placement | None = None) -> dict[ResourceKey, StorageConfig | None]:
    """Return the resources that a spec asks for; without a placement the cloud has no groups."""
    result: dict[ResourceKey, StorageConfig | None] = {}
    if placement is not None and placement.resource_group is None:
        result[ResourceKey(Kind.RESOURCE_GROUP, spec.location)] = None
    if placement is not None and placement.delegated:
        result[ResourceKey(Kind.ML_REGISTRY, spec.location)] = None
    for region in spec.replication_locations:
        for ordinal in range(region.storage_config.replication_count):
            result[ResourceKey(Kind.STORAGE_ACCOUNT, region.location, ordinal)] = region.storage_config
    result[ResourceKey(Kind.CONTAINER_REGISTRY, spec.location)] = None
    for name in spec.region_names[1:]:
        result[ResourceKey(Kind.REPLICA, name)] = None
    return result


def assign(
    spec: RegistrySpec, existing: Sequence[Resource], identity: str, placement: Placement | None = None
) -> tuple[Resource, ...]:
    """Return the resources for a spec: those that exist keep their names, new ones get one.

    Args:
        spec: What is wanted.
        existing: What the registry may own already; what is no longer wanted stays, to be removed.
        identity: What makes this registry unlike every other one, past or present.
        placement: Where the resources are made, if the cloud has groups.
    """
    asked_for = wanted(spec, placement)

    def name(key: ResourceKey) -> str:
        if placement is not None and placement.delegated and key.kind is not Kind.RESOURCE_GROUP:
            return spec.name if key.kind is Kind.ML_REGISTRY else ""
        return name_of(identity, key)

    kept = [_afresh(resource, is_wanted=resource.key in asked_for) for resource in existing]
    have = {resource.key for resource in kept}
    homes = ((resource.name, resource.attempt) for resource in kept if resource.kind is Kind.CONTAINER_REGISTRY)
    home = next(homes, None) or (name(ResourceKey(Kind.CONTAINER_REGISTRY, spec.location)), 0)
    added = []
    for key, config in asked_for.items():
        if key not in have:
            own, attempt = home if key.kind in {Kind.CONTAINER_REGISTRY, Kind.REPLICA} else (name(key), 0)
            kind, region, ordinal = key
            added.append(
                Resource(kind=kind, region=region, ordinal=ordinal, name=own, attempt=attempt, storage_config=config)
            )
    return tuple(sorted([*kept, *added], key=lambda one: (_ORDER[one.kind], one.region, one.ordinal)))


def dismiss(existing: Iterable[Resource]) -> tuple[Resource, ...]:
    """Return the resources of a registry that is to be gone."""
    return tuple(_afresh(resource, is_wanted=False) for resource in existing)


def _afresh(resource: Resource, *, is_wanted: bool) -> Resource:
    """Return a resource that exists, without the failures of an earlier request."""
    if not is_wanted:
        state = ResourceState.REMOVING
    elif resource.state is ResourceState.READY:
        state = ResourceState.READY
    else:
        state = ResourceState.PENDING
    return resource.model_copy(update={"state": state, "failure": None})


def rename(resources: Sequence[Resource], taken: Collection[ResourceKey], identity: str) -> tuple[Resource, ...]:
    """Return the resources with another name for each whose name somebody else has, and for what is named after it."""
    renamed = {}
    for resource in resources:
        if resource.key in taken:
            attempt = resource.attempt + 1
            renamed[resource.key] = {"name": name_of(identity, resource.key, attempt), "attempt": attempt}
    home = next((update for key, update in renamed.items() if key.kind is Kind.CONTAINER_REGISTRY), {})
    return tuple(
        resource.model_copy(update={**update, "may_appear_until": None, "may_vanish_until": None} if update else {})
        for resource in resources
        for update in [renamed.get(resource.key, home if resource.kind is Kind.REPLICA else {})]
    )


def name_of(identity: str, key: ResourceKey, attempt: int = 0) -> str:
    """Return a name of 24 characters that is valid, and practically unique, for every kind of resource."""
    text = "|".join((key.kind, identity, key.region, str(key.ordinal), *([str(attempt)] if attempt else ())))
    return _NAME_PREFIX + hashlib.sha256(text.encode()).digest()[:_HASH_LENGTH].translate(_LETTER_OF_BYTE).decode()


def state_of(resources: Iterable[Resource]) -> ResourceState:
    """Return the state of a region from the states of its resources: the one that asks for most attention.

    A region has none when a deletion has removed them all, and is not over yet.
    """
    states = {resource.state for resource in resources}
    if len(states) == 1:
        return states.pop()
    if states == _BEGUN:
        return ResourceState.PROVISIONING
    at_rest = ResourceState.READY if states else ResourceState.REMOVING
    return next((state for state in _ATTENTION if state in states), at_rest)


_BEGUN = {ResourceState.PENDING, ResourceState.READY}
_ATTENTION = (ResourceState.FAILED, ResourceState.REMOVING, ResourceState.PROVISIONING, ResourceState.PENDING)
