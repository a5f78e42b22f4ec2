"""A cloud in memory that takes its time, knows whose everything is, and notices what must never happen."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from registry_api.domain.names import RegistryKey
from registry_api.domain.plan import Action, Observation, Presence, Verb
from registry_api.domain.problems import Code
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Failure, FailureKind, Kind, Resource, ResourceKey
from registry_api.service.backend import BackendError
from registry_api.service.ports import Clock

SETTLING_TIME = timedelta(seconds=60)
_REACHED = {Kind.STORAGE_ACCOUNT, Kind.CONTAINER_REGISTRY}


class Place(NamedTuple):
    """Where a resource is: a cloud has one thing of a kind and name in a region."""

    kind: Kind
    region: str
    name: str


@dataclass(slots=True)
class Thing:
    """Something that is there, or on its way in or out."""

    owner: RegistryKey
    incarnation: str
    key: ResourceKey
    place: Place
    done_at: datetime
    is_leaving: bool = False
    is_spoiled: bool = False
    access: str = "enabled"  # from the internet

    def is_as_wanted(self, registry: Registry) -> bool:
        """Tell whether it is as a registry's spec has it."""
        may_differ = self.place.kind not in _REACHED or self.access == registry.spec.public_network_access
        return may_differ and not self.is_spoiled


@dataclass(frozen=True, slots=True)
class Reported:
    """A failure that the cloud told a registry."""

    at: datetime
    incarnation: str
    failure: Failure


def unreachable(region: str) -> BackendError:
    """Return the error of a region that may well answer later."""
    return BackendError(Failure(code=Code.REGION_UNAVAILABLE, message=f"Region '{region}' does not answer."))


def refused(region: str) -> BackendError:
    """Return the error of a region in which a policy forbids everything."""
    message = f"A policy of region '{region}' forbids this."
    return BackendError(Failure(code=Code.PROVISIONING_FAILED, message=message, kind=FailureKind.BLOCKED))


class Cloud:
    """A cloud in memory.

    Args:
        clock: Tells when a change is done.
    """

    def __init__(self, clock: Clock) -> None:
        self.duration: Callable[[], timedelta] = lambda: timedelta(seconds=1)
        self.trouble: Callable[[Registry, Resource], BackendError | None] = lambda *_: None
        self.settling_time = SETTLING_TIME
        self.violations: list[str] = []
        self.reported: list[Reported] = []
        self.meddled_at: datetime | None = None
        self._clock = clock
        self._things: dict[Place, Thing] = {}

    async def observe(self, registry: Registry, resource: Resource) -> Observation:
        """Tell what there is of a resource.

        Raises:
            BackendError: If its region is in trouble.
        """
        self._check(registry, resource)
        thing = self._find(resource)
        if thing is None:
            return Observation(Presence.ABSENT)
        self._check_owner(thing, registry)
        if thing.done_at > self._clock.now():
            return Observation(Presence.CHANGING)
        is_wanted = resource.key in registry.wanted
        seen = Presence.READY if thing.is_as_wanted(registry) or not is_wanted else Presence.DIFFERENT
        return Observation(seen, {"id": "/".join(thing.place)})

    async def start(self, registry: Registry, action: Action) -> None:
        """Start one action.

        Raises:
            BackendError: If the region is in trouble, or in the middle of the opposite.
        """
        resource = action.resource
        self._check(registry, resource)
        thing = self._find(resource)
        if thing is not None:
            self._check_owner(thing, registry)
        if action.verb is Verb.DELETE:
            self._remove(thing)
        elif thing is None:
            self._make(registry, resource)
        elif thing.is_leaving:
            raise unreachable(resource.region)
        else:
            thing.is_spoiled = False
            thing.access = registry.spec.public_network_access

    def owned(self, key: RegistryKey) -> Iterator[Thing]:
        """Yield everything of a registry that is there, or on its way in or out."""
        return (thing for thing in self.things() if thing.owner == key)

    def things(self) -> list[Thing]:
        """Return everything that is there, or on its way in or out."""
        now = self._clock.now()
        for place in [place for place, thing in self._things.items() if thing.is_leaving and thing.done_at <= now]:
            del self._things[place]
        return list(self._things.values())

    def lose(self, place: Place) -> None:
        """Let somebody from outside remove a thing."""
        self.meddled_at = self._clock.now()
        del self._things[place]

    def spoil(self, place: Place) -> None:
        """Let somebody from outside change a thing."""
        self.meddled_at = self._clock.now()
        self._things[place].is_spoiled = True

    def _check(self, registry: Registry, resource: Resource) -> None:
        if (error := self.trouble(registry, resource)) is not None:
            self.reported.append(Reported(self._clock.now(), registry.incarnation, error.failure))
            raise error

    def _find(self, resource: Resource) -> Thing | None:
        place = _place(resource)
        thing = self._things.get(place)
        if thing is not None and thing.is_leaving and thing.done_at <= self._clock.now():
            del self._things[place]
            return None
        return thing

    def _check_owner(self, thing: Thing, registry: Registry) -> None:
        if (thing.owner, thing.incarnation) != (registry.key, registry.incarnation):
            self.violations.append(f"{thing.place.kind} '{thing.place.name}' belongs to two registries")

    def _make(self, registry: Registry, resource: Resource) -> None:
        for other in self.owned(registry.key):
            if other.key == resource.key:
                self.violations.append(f"{resource.key} of '{registry.spec.name}' is there twice")
            if other.incarnation != registry.incarnation:
                self.violations.append(f"{other.key} of an earlier '{registry.spec.name}' is still there")
        place = _place(resource)
        if resource.kind is Kind.REPLICA and not self._has_home(resource):
            raise unreachable(resource.region)
        done_at = self._clock.now() + self.duration()
        self._things[place] = Thing(
            registry.key,
            registry.incarnation,
            resource.key,
            place,
            done_at,
            access=registry.spec.public_network_access,
        )

    def _has_home(self, replica: Resource) -> bool:
        return any(
            thing.place.kind is Kind.CONTAINER_REGISTRY
            and thing.place.name == replica.name
            and thing.done_at <= self._clock.now()
            for thing in self.things()
        )

    def _remove(self, thing: Thing | None) -> None:
        if thing is None or thing.is_leaving:
            return
        thing.is_leaving = True
        thing.done_at = self._clock.now() + self.duration()


def _place(resource: Resource) -> Place:
    return Place(resource.kind, resource.region, resource.name)
