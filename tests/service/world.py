"""A whole control plane in memory: twins of storage and cloud, a clock that a test moves, a worker that it runs."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from registry_api.domain.caller import Caller
from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import Operation
from registry_api.domain.permissions import BUILT_IN, Grant, Permissions
from registry_api.domain.plan import Action, Observation, Presence, Verb
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Kind, Resource
from registry_api.domain.scope import Scope
from registry_api.domain.subscribers import Subscriber
from registry_api.domain.validation import Draft, examine
from registry_api.service import delivering, history, reading, reconcile, registries, resync
from registry_api.service.accepting import Intent, Outcome
from registry_api.service.audience import Audience, Courier
from registry_api.service.authorizing import Inquiry
from registry_api.service.backend import BackendError
from registry_api.service.messages import Message, Notice
from registry_api.service.ports import Ports, Roles, Store
from registry_api.storage.memory import MemoryQueue, MemoryRows
from registry_api.storage.outbox import RegistryOutbox
from registry_api.storage.store import RegistryStore
from registry_api.storage.views import RegistryViews
from tests.courier import MemoryCourier

ADA = Caller(tenant="tenant", name="ada")
SCOPE = Scope(subscription_id="sub", resource_group="group")
ASKING = Inquiry(ADA, SCOPE)
INVISIBLE = timedelta(minutes=10)  # what the Functions host takes


class Owners:
    """Everybody is Owner of everything."""

    async def permissions_of(self, caller: Caller, subscription_id: str) -> Permissions:
        """Return what a caller may do."""
        del caller, subscription_id
        return Permissions([Grant(BUILT_IN["Owner"], "/")])


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the time."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)


class CountingIds:
    """Ids that are numbers."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def operation_id(self, key: RegistryKey, now: datetime) -> str:
        """Return a new operation id."""
        del now
        return f"{key.name}.{next(self._numbers):x}"

    def visit_token(self) -> str:
        """Return a new token."""
        return f"visit-{next(self._numbers)}"


class MemoryBackend:
    """A cloud in memory.

    Args:
        looks: How many times a change must be looked at before it is done.
    """

    def __init__(self, looks: int = 0) -> None:
        self.looks = looks
        self.settling_time = timedelta(0)
        self.there: dict[tuple[str, str, str], Presence] = {}
        self.calls: list[tuple[Verb, str, str]] = []
        self.refuse: Callable[[Resource], BackendError | None] = lambda _: None
        self.blind: Callable[[Resource], BackendError | None] = lambda _: None
        self._waiting: dict[tuple[str, str, str], tuple[int, Presence]] = {}
        self._access: dict[tuple[str, str, str], str] = {}  # from the internet

    async def observe(self, registry: Registry, resource: Resource) -> Observation:
        """Tell what there is of a resource."""
        if (error := self.blind(resource)) is not None:
            raise error
        key = _place(resource)
        if key in self._waiting:
            left, after = self._waiting[key]
            if left > 0:
                self._waiting[key] = left - 1, after
                return Observation(Presence.CHANGING)
            del self._waiting[key]
            self.there[key] = after
        presence = self.there.get(key, Presence.ABSENT)
        access = registry.spec.public_network_access
        if presence is Presence.READY and self._access.get(key, access) != access and resource.key in registry.wanted:
            presence = Presence.DIFFERENT
        return Observation(presence, {} if presence is Presence.ABSENT else {"id": "/".join(key)})

    async def start(self, registry: Registry, action: Action) -> None:
        """Start an action."""
        if (error := self.refuse(action.resource)) is not None:
            raise error
        self.calls.append((action.verb, action.resource.kind, action.resource.region))
        after = Presence.ABSENT if action.verb is Verb.DELETE else Presence.READY
        self._waiting[_place(action.resource)] = self.looks, after
        if action.resource.kind in {Kind.STORAGE_ACCOUNT, Kind.CONTAINER_REGISTRY}:
            self._access[_place(action.resource)] = registry.spec.public_network_access

    def lose(self, region: str) -> None:
        """Let everything in a region be gone, as if somebody had removed it."""
        self.there = {key: seen for key, seen in self.there.items() if key[1] != region}

    @property
    def present(self) -> set[tuple[str, str]]:
        """Return kind and region of everything that is there."""
        return {(kind, region) for (kind, region, _), seen in self.there.items() if seen is not Presence.ABSENT}


def _place(resource: Resource) -> tuple[str, str, str]:
    return resource.kind.value, resource.region, resource.name


def document(*regions: str, **fields: Any) -> Draft:
    """Return a valid document for a registry named Demo1 with these regions, the first one primary."""
    locations = [{"location": region} for region in regions]
    return examine({"name": "Demo1", "location": regions[0], "replication_locations": locations, **fields})


class World:
    """The control plane and what it controls."""

    def __init__(self, *, looks: int = 0, store: Store | None = None, roles: Roles | None = None) -> None:
        self.clock = ManualClock()
        self.ids = CountingIds()
        self.rows = MemoryRows()
        self.store = store or RegistryStore(self.rows)
        self.views = RegistryViews(self.rows)
        self.queue = MemoryQueue(self.clock)
        self.subscribers: Sequence[Subscriber] = ()
        self.notices = MemoryQueue(self.clock)
        self.letters = MemoryCourier()
        self.courier: Courier = self.letters
        self.backend = MemoryBackend(looks)
        self.roles = roles or Owners()

    @property
    def ports(self) -> Ports:
        """Return what functions of the service need."""
        audience = Audience(self.subscribers, RegistryOutbox(self.rows), self.notices) if self.subscribers else None
        return Ports(self.store, self.queue, self.clock, self.ids, self.roles, audience)

    async def put(self, *regions: str, caller: Caller = ADA, **fields: Any) -> Outcome:
        """Ask for a registry named Demo1 with these regions, the first one primary."""
        return await registries.put(document(*regions, **fields), Intent(caller, SCOPE), ports=self.ports)

    async def delete(self) -> Registry | None:
        """Ask for the registry to be gone."""
        return await registries.delete("Demo1", Intent(ADA, SCOPE), ports=self.ports)

    async def read(self) -> Registry:
        """Read the registry."""
        return await reading.read("Demo1", ASKING, ports=self.ports)

    async def operation(self, operation_id: str) -> Operation:
        """Read an operation."""
        return await history.read_operation(operation_id, ASKING, ports=self.ports)

    async def visit(self, message: Message) -> None:
        """Do what the worker does with a message."""
        await reconcile.visit(message, ports=self.ports, backend=self.backend)

    async def tick(self) -> None:
        """Do what the resync timer does."""
        await resync.tick(ports=self.ports, backend=self.backend)

    async def notify_once(self) -> bool:
        """Let the function of the notices take one, if there is one to be seen."""
        delivery = await self.notices.receive(INVISIBLE)
        if delivery is None:
            return False
        await delivering.notify(Notice.model_validate_json(delivery.body), ports=self.ports, courier=self.courier)
        await self.notices.delete(delivery)
        return True

    async def work_once(self) -> bool:
        """Let the worker take one message, if there is one to be seen."""
        delivery = await self.queue.receive(INVISIBLE)
        if delivery is None:
            return False
        await self.visit(Message.model_validate_json(delivery.body))
        await self.queue.delete(delivery)
        return True

    async def settle(self, seconds: int = 7200) -> int:
        """Let time pass and the worker work until no message is left; return how many it took.

        Raises:
            AssertionError: If messages are still coming after so many seconds.
        """
        done = 0
        for _ in range(seconds):
            while await self.work_once() or await self.notify_once():
                done += 1
            if not self.queue.messages() and not self.notices.messages():
                return done
            self.clock.advance(1)
        raise AssertionError(f"Messages are still coming after {seconds} seconds.")


async def without_messages(count: int) -> World:
    """Return a world with so many registries that nobody has visited, whose messages are lost."""
    world = World()
    for number in range(count):
        await world.put("eastus", name=f"Demo{number}")
    world.queue = MemoryQueue(world.clock)
    world.clock.advance(60)
    return world
