"""What has to be done to make the cloud true. What-if shows a plan, the worker carries it out."""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from registry_api.domain.resources import Kind, Resource, ResourceKey, ResourceState


class Presence(StrEnum):
    """What is seen of a resource in the cloud."""

    ABSENT = "Absent"
    CHANGING = "Changing"  # being made or removed, by whoever asked for it
    DIFFERENT = "Different"  # there, but not as it should be
    READY = "Ready"


class Observation(NamedTuple):
    """What a backend sees of one resource."""

    presence: Presence
    details: Mapping[str, str] = MappingProxyType({})
    rest: timedelta | None = None  # how long the cloud wants to be left alone about it, although nothing is wrong


_NEEDED = {
    Kind.ML_REGISTRY: (Kind.RESOURCE_GROUP,),
    Kind.STORAGE_ACCOUNT: (Kind.RESOURCE_GROUP,),
    Kind.CONTAINER_REGISTRY: (Kind.RESOURCE_GROUP,),
    Kind.REPLICA: (Kind.RESOURCE_GROUP, Kind.CONTAINER_REGISTRY),
}
"""What must be there before a resource can be, and outlives it."""


class Verb(StrEnum):
    """What an action does."""

    CREATE = "Create"
    REPAIR = "Repair"
    DELETE = "Delete"
    WAIT = "Wait"


class Action(NamedTuple):
    """One thing to do to one resource, possibly only after another resource is done."""

    verb: Verb
    resource: Resource
    blocked_by: ResourceKey | None = None

    @property
    def can_start(self) -> bool:
        """Tell whether there is something to do about it now."""
        return self.verb is not Verb.WAIT and self.blocked_by is None


def plan(
    resources: Iterable[Resource],
    wanted: Collection[ResourceKey],
    observed: Mapping[ResourceKey, Observation],
) -> tuple[Action, ...]:
    """Return everything that is left to do; nothing left means converged.

    Args:
        resources: All resources that the registry may own.
        wanted: The keys of those that it is to have.
        observed: What the cloud shows of each.
    """
    resources = tuple(resources)
    presence = {resource.key: observed[resource.key].presence for resource in resources}
    actions = (
        _to_have(resource, presence) if resource.key in wanted else _to_lose(resource, presence)
        for resource in resources
    )
    whole = next((resource.key for resource in resources if resource.kind is Kind.ML_REGISTRY), None)
    return tuple(_as_part(action, whole) for action in actions if action is not None)


def _as_part(action: Action, whole: ResourceKey | None) -> Action:
    """Return an action, or that it is to be waited for, where the resource is only part of another one."""
    is_part = whole is not None and action.resource.kind not in {Kind.RESOURCE_GROUP, Kind.ML_REGISTRY}
    return Action(Verb.WAIT, action.resource, whole) if is_part and action.verb is not Verb.WAIT else action


def last_seen(resources: Iterable[Resource]) -> dict[ResourceKey, Observation]:
    """Return what was last seen of resources, from what is stored of them."""
    return {resource.key: Observation(_last_presence(resource), resource.details) for resource in resources}


def _last_presence(resource: Resource) -> Presence:
    if resource.state in {ResourceState.READY, ResourceState.REMOVING}:
        return Presence.READY
    return Presence.DIFFERENT if resource.details else Presence.ABSENT


def _to_have(resource: Resource, presence: Mapping[ResourceKey, Presence]) -> Action | None:
    match presence[resource.key]:
        case Presence.READY:
            return None
        case Presence.CHANGING:
            return Action(Verb.WAIT, resource)
        case seen:
            verb = Verb.REPAIR if seen is Presence.DIFFERENT else Verb.CREATE
            return Action(verb, resource, _not_ready_yet(resource, presence))


def _to_lose(resource: Resource, presence: Mapping[ResourceKey, Presence]) -> Action | None:
    match presence[resource.key]:
        case Presence.ABSENT:
            return None
        case Presence.CHANGING:
            return Action(Verb.WAIT, resource)
        case _:
            return Action(Verb.DELETE, resource, _still_there(resource, presence))


def _not_ready_yet(resource: Resource, presence: Mapping[ResourceKey, Presence]) -> ResourceKey | None:
    """Return what must be ready before this resource."""
    needed = _NEEDED.get(resource.kind, ())
    return next((key for key, seen in presence.items() if key.kind in needed and seen is not Presence.READY), None)


def _still_there(resource: Resource, presence: Mapping[ResourceKey, Presence]) -> ResourceKey | None:
    """Return what must be gone before this resource, the one that waits for no other."""
    outlived = [
        key
        for key, seen in presence.items()
        if resource.kind in _NEEDED.get(key.kind, ()) and seen is not Presence.ABSENT
    ]
    return outlived[-1] if outlived else None
