"""A control plane whose every effect passes a hook, and what is noticed about it while it runs."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any, TypeVar
from unittest.mock import patch

from azure.functions.queue import QueueMessage
from pydantic import BaseModel, ValidationError

from registry_api import bootstrap
from registry_api.domain.delivery import DeliveryFailure
from registry_api.domain.events import Event
from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import Operation
from registry_api.domain.problems import Code, refuse
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.registry import CLOCK_SKEW, Registry
from registry_api.service import delivering, reconcile
from registry_api.service.accepting import Outcome
from registry_api.service.audience import Audience, Courier, DeliveryError
from registry_api.service.backend import Backend
from registry_api.service.messages import Message, Notice
from registry_api.service.ports import Clock, Conflict, Ids, Ports, StorageUnavailable
from registry_api.storage.keys import QUARANTINED
from registry_api.storage.memory import Delivery
from registry_api.storage.outbox import RegistryOutbox
from registry_api.storage.records import Quarantined, parse
from registry_api.storage.retention import KEEP_EVENTS, KEEP_OPERATIONS
from registry_api.storage.rows import Rows
from registry_api.storage.views import RegistryViews
from registry_api.worker import messages
from tests.courier import MemoryCourier, subscriber
from tests.service.world import CountingIds, Owners
from tests.simulation.boundaries import Call, Hook, Perform, guard, unguarded
from tests.simulation.cloud import Cloud, unreachable
from tests.simulation.host import HIDDEN, Host, HostQueue
from tests.simulation.journal import Entry, Journal, JournaledRows, JournaledStore
from tests.simulation.leases import Leases
from tests.simulation.processes import running
from tests.simulation.records import broken_records
from tests.simulation.rules import broken_rules

_Content = TypeVar("_Content", bound=BaseModel)

ROWS, QUEUE, POISON, BACKEND, NOTICES, COURIER, ROLES = (
    "rows",
    "queue",
    "poison",
    "backend",
    "notices",
    "courier",
    "roles",
)


def not_answering(call: Call) -> Exception:
    """Return what a caller gets that does not know whether its call took effect."""
    if call.port == COURIER:
        return DeliveryError(DeliveryFailure(cause="It does not answer."))
    if call.port == ROLES:
        return refuse(Code.AUTHORIZATION_UNAVAILABLE, str(call))
    return unreachable("?") if call.port == BACKEND else StorageUnavailable(str(call))


class PoisonedIds(CountingIds):
    """Ids of which a worker can get none: a fault in the middle of every visit."""

    def __init__(self, ids: Ids) -> None:
        super().__init__()
        self.operation_id = ids.operation_id  # type: ignore[method-assign]
        self._ids = ids

    def visit_token(self) -> str:
        """Return a new token.

        Raises:
            RuntimeError: If a worker asks.
        """
        if running().name.startswith(WORKERS):
            raise RuntimeError("no ids are left")
        return self._ids.visit_token()


WORKERS = ("worker", "twin")
"""How the names of processes begin that work on messages."""


class World:
    """The control plane, what it controls, and what has gone wrong with it.

    Args:
        clock: The time.
        hook: Stands at every boundary.
        late: Tells how much later than asked for a message is delivered.
    """

    def __init__(self, clock: Clock, hook: Hook, late: Callable[[], timedelta] = timedelta) -> None:
        self.clock = clock
        self.violations: list[str] = []
        self.told: dict[str, Operation] = {}  # the ends of operations that clients were told
        self.jumps: list[datetime] = []  # of the clock
        self.has_net = False  # whether the resync timer runs, which brings what no message does
        self.has_fault = False  # the service itself
        self.is_broken = False  # every visit fails before it has done anything
        self.cloud = Cloud(clock)
        self.journal = Journal(clock, self._notice)
        rows = JournaledRows(self.journal)
        queue, poison = HostQueue(clock, late), HostQueue(clock, late)
        self._queue = queue
        self.queue, self.poison = guard(queue, QUEUE, hook), guard(poison, POISON, hook)
        self.leases = Leases(self.journal)
        self.backend: Backend = guard(self.cloud, BACKEND, self.licensed(hook))
        self.rows: Rows = guard(rows, ROWS, hook)
        self.ports = Ports(JournaledStore(self.rows), self.queue, clock, CountingIds(), guard(Owners(), ROLES, hook))
        self._rows = rows
        self.truth = JournaledStore(rows)  # the same rows, which always answer
        self.views = RegistryViews(rows)  # the same
        self.outbox = RegistryOutbox(rows)  # the same
        notices, lost_notices = HostQueue(clock, late), HostQueue(clock, late)
        self.notices, self.poison_notices = guard(notices, NOTICES, hook), guard(lost_notices, POISON, hook)
        self.letters = MemoryCourier()
        self.courier: Courier = guard(self.letters, COURIER, hook)
        self.peace_at: datetime | None = None  # from which on nothing fails
        self._broken_off: set[RegistryKey] = set()  # of which visits had another end than storage that does not answer
        self.worker = Host(self.queue, self.poison, partial(self._read, Message), self.visit)
        self.poison_worker = Host(self.poison, None, partial(self._read, Message), self.give_up)
        self.notifier = Host(self.notices, self.poison_notices, partial(self._read, Notice), self.notify)

    def skew(self, clock: Clock) -> None:
        """Let the service have a clock of its own, which is wrong."""
        self.ports = replace(self.ports, clock=clock)

    def subscribe(self, *tenants: str) -> None:
        """Let there be a subscriber who is told everything, of each of these tenants."""
        subscribers = [subscriber(f"of-{tenant}", tenant) for tenant in tenants]
        audience = Audience(subscribers, RegistryOutbox(self.rows), self.notices)
        self.ports = replace(self.ports, audience=audience)

    def unguarded(self) -> list[str]:
        """Return the names of all ports that do not pass the hook."""
        outside = {"backend": self.backend, POISON: self.poison, NOTICES: self.poison_notices, "courier": self.courier}
        found = [*unguarded(self.ports, "ports"), *(f for name, port in outside.items() for f in unguarded(port, name))]
        missing = [field.name for field in fields(self.ports) if getattr(self.ports, field.name) is None]
        return found + [f"ports.{name} is not there" for name in missing]

    async def notify(self, notice: Notice) -> None:
        """Do what the function of the notices does with one."""
        await self._foresee(delivering.notify(notice, ports=self.ports, courier=self.courier))

    async def is_outstanding(self) -> bool:
        """Tell whether there is something yet to be told."""
        return bool((await self.outbox.walk(1, None)).items)

    async def visit(self, message: Message) -> None:
        """Do what the worker's function does with a message."""
        self.leases.note_message(running(), message)
        if self.is_broken:
            self._broken_off.add(message.key)
            raise RuntimeError("the worker is broken")
        try:
            await self._foresee(reconcile.visit(message, ports=self.ports, backend=self.backend))
        except (StorageUnavailable, Conflict):
            raise
        except BaseException:  # it dies, or has a fault
            self._broken_off.add(message.key)
            raise

    async def give_up(self, message: Message) -> None:
        """Do what the poison queue's function does with a message."""
        await self._foresee(reconcile.give_up(message, ports=self.ports))

    @property
    def due(self) -> datetime | None:
        """Return when the next message can be seen, None when there is none at all."""
        queues = (self.queue, self.poison, self.notices)
        return min((queue.due for queue in queues if queue.due is not None), default=None)

    def messages(self) -> Sequence[Message]:
        """Return every message that can be read, seen or not, poisoned or not."""
        bodies = [*self.queue.messages(), *self.poison.messages()]
        return [message for message in map(_message_in, bodies) if message is not None]

    async def receive_garbage(self, body: bytes) -> None:
        """Let there be a message that nobody can read."""
        await self._queue.put(body, timedelta(0))

    async def quarantined(self) -> list[bytes]:
        """Return the messages that nobody could read."""
        found = await self._rows.find(QUARANTINED, 100, None)
        return [parse(Quarantined, row).content for row in found.rows]

    async def _read(self, model: type[_Content], delivery: Delivery) -> _Content | None:
        """Do what the functions do first with a message."""
        try:
            return model.model_validate_json(delivery.body)
        except ValidationError:
            received = QueueMessage(id=delivery.id, body=delivery.body)  # type: ignore[no-untyped-call] # the SDK's class
            with patch.object(bootstrap, "app", lambda: SimpleNamespace(ports=self.ports)):
                return await messages.read(model, received)

    def stranded(self) -> list[str]:
        """Return what is wrong with registries that wait for a message that is not on its way."""
        waiting = self.waiting()
        if self.has_net or not waiting:
            return []
        on_their_way = {
            (message.key, token) for message in self.messages() for token in (message.visit, message.follows)
        }
        return [
            f"'{registry.spec.name}' is {registry.state} and no message for it is on its way"
            for registry in waiting
            if (registry.key, registry.visit.token) not in on_their_way
        ]

    def waiting(self) -> list[Registry]:
        """Return the registries that are under way."""
        latest = filter(None, map(self.journal.latest, self.journal.keys))
        return [registry for registry in latest if not registry.state.is_terminal]

    def was_meddled_with(self, registry: Registry) -> bool:
        """Tell whether somebody from outside changed the cloud since a registry was asked for last."""
        return self.cloud.meddled_at is not None and self.cloud.meddled_at >= registry.operation.start_time - CLOCK_SKEW

    def note_told(self, answer: object) -> None:
        """Note the end of an operation that an answer tells."""
        told = answer.registry if isinstance(answer, Outcome) else answer
        operation = told.operation if isinstance(told, Registry) else told
        if isinstance(operation, Operation) and operation.is_terminal:
            self.told[operation.id] = operation

    def is_forgotten(self, record: Event | Operation) -> bool:
        """Tell whether a record may be gone because it was kept for long enough."""
        since, kept = (record.time, KEEP_EVENTS) if isinstance(record, Event) else (record.start_time, KEEP_OPERATIONS)
        return self.clock.now() - since >= kept

    def may_time_out(self, operation: Operation) -> bool:
        """Tell whether an operation may take an hour.

        The net sees to it that it does not, unless the clock jumps. Without it, each visit that dies costs the time for
        which the host holds its message; but not for long once nothing fails any more.
        """
        if any(jump >= operation.start_time for jump in self.jumps):
            return True
        if self.has_net:
            return False
        return self.peace_at is None or operation.end_time is None or operation.end_time - self.peace_at <= 2 * HIDDEN

    def may_give_up(self, key: RegistryKey) -> bool:
        """Tell whether a registry's message may fail too often for another cause than storage."""
        return key in self._broken_off

    def licensed(self, hook: Hook) -> Hook:
        """Return a hook that notices who changes the cloud without holding the lease."""

        async def licensed(call: Call, perform: Perform) -> Any:
            if call.method == "start" and not self.leases.may_start(running(), call.arguments[0], self.clock.now()):
                self.violations.append(f"{call.by} changes the cloud and does not hold the lease")
            return await hook(call, perform)

        return licensed

    async def _foresee(self, function: Awaitable[None]) -> None:
        """Run a function that may raise only what it says."""
        try:
            await function
        except (StorageUnavailable, Conflict):
            raise
        except Exception as error:
            if not self.has_fault:
                self.violations.append(f"a worker raises {error!r}")
            raise

    def _notice(self, entry: Entry) -> None:
        name = entry.commit.key.name
        rules = [*broken_rules(entry), *broken_records(entry), *self.leases.broken_rules(entry)]
        told = map(partial("'{}': {}".format, name), rules)
        self.violations += [*told, *self._clouded(entry), *self.stranded()]

    def _clouded(self, entry: Entry) -> list[str]:
        """Return what a commit says of the cloud that is not so."""
        key, after = entry.commit.key, entry.after
        if after is None:
            left = [thing.place for thing in self.cloud.owned(key)]
            return [f"'{key.name}' is gone, but not {left}"] if left else []
        is_success = after.state is ProvisioningState.SUCCEEDED and (
            entry.before is None or entry.before.state is not ProvisioningState.SUCCEEDED
        )
        if not is_success or self.was_meddled_with(after):
            return []
        return [f"'{key.name}' has succeeded: {difference}" for difference in differences(self.cloud, after)]


@lru_cache(maxsize=256)
def _message_in(body: bytes) -> Message | None:
    try:
        return Message.model_validate_json(body)
    except ValidationError:
        return None


def differences(cloud: Cloud, registry: Registry) -> list[str]:
    """Return how the cloud differs from what a registry is to have."""
    names = {resource.key: resource.name for resource in registry.resources}
    wanted = {(key, names.get(key)) for key in registry.wanted}
    things = list(cloud.owned(registry.key))
    there = {(thing.key, thing.place.name) for thing in things}
    told = [f"{key} is missing" for key, _ in sorted(wanted - there)]
    told += [f"{key} is there and not wanted" for key, _ in sorted(there - wanted)]
    told += [
        f"{thing.key} is not as it is to be" for thing in things if thing.is_leaving or not thing.is_as_wanted(registry)
    ]
    return told
