"""A world for one schedule: everything happens in one order, and time stands still but for waiting."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count
from typing import Any

from pydantic import BaseModel

from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import DEADLINE, Operation
from registry_api.domain.problems import Code, Refusal
from registry_api.domain.registry import LEASE, Registry
from registry_api.service import resync
from registry_api.service.accepting import Intent, Outcome
from registry_api.service.backend import BackendError
from registry_api.service.messages import Message, Notice
from registry_api.service.ports import Ids, StorageUnavailable
from registry_api.service.reconcile import COMMIT_WINDOW
from tests.service.world import ADA, SCOPE, ManualClock
from tests.simulation.boundaries import Perform
from tests.simulation.cloud import SETTLING_TIME
from tests.simulation.faults import Fault, Plan
from tests.simulation.host import HIDDEN, Content
from tests.simulation.processes import Died, origin, process
from tests.simulation.settled import problems
from tests.simulation.told import interleaved
from tests.simulation.world import World, differences

TICK = timedelta(seconds=15)
UNDISTURBED = timedelta(minutes=5)  # for what nothing fails in, though messages be late
RECOVERY = HIDDEN + LEASE + SETTLING_TIME + timedelta(minutes=1)  # from one fault
RECOVERY_WITH_NET = LEASE + SETTLING_TIME + timedelta(minutes=2)
PATIENCE = timedelta(hours=2)  # until nobody is told anything any more
LATE_BY = SETTLING_TIME - timedelta(seconds=1)
_LATE = (timedelta(0), timedelta(seconds=45), timedelta(seconds=3))
_REPETITIONS = 5
_SLEEP = {Fault.PAUSED: LEASE + timedelta(seconds=10), Fault.FROZEN: COMMIT_WINDOW + timedelta(seconds=10)}


def intent() -> Intent:
    """Return what a request says of itself."""
    return Intent(ADA, SCOPE, origin=origin())


class Delivery(StrEnum):
    """How messages are delivered."""

    ONCE = "once"
    TWICE = "twice"  # to two workers at the same time
    LATE = "late"  # some of them much, so that their order is another one


@dataclass(frozen=True, slots=True)
class Variant:
    """What else differs between two runs of a flow."""

    delivery: Delivery = Delivery.ONCE
    repeats: bool = False  # a client that got no answer asks again


class Scenario(World):
    """A world in which a flow runs once.

    Args:
        faults: What happens at which boundary.
        variant: What else is particular.
    """

    clock: ManualClock

    def __init__(self, faults: Mapping[int, Fault], variant: Variant) -> None:
        self.plan = Plan(faults, self)
        self._late_calls: list[tuple[datetime, Perform]] = []
        self.variant = variant
        self._numbers, self._sent = count(1), count()
        self.was_broken = False
        self.is_overdue = False
        self._faults = len(faults)
        self._longer = timedelta(0)  # than usual, an operation may take
        self._has_slept = False  # some process, for longer than its lease
        self._answered: list[str] = []
        self._doubled: set[tuple[str, BaseModel]] = set()  # what a visit sends on is not doubled again
        super().__init__(ManualClock(), self.plan, self._late)
        self._ids = self.ports.ids

    def break_worker(self) -> None:
        """Let every visit fail from here, before it has done anything."""
        self.is_broken = self.was_broken = True

    def plant_fault(self, ids: Ids) -> None:
        """Let the service have a fault that breaks every visit off."""
        self.has_fault = self.was_broken = True
        self.ports = replace(self.ports, ids=ids)

    def mend(self) -> None:
        """Let nothing fail any more."""
        self.plan.is_armed = self.is_broken = False
        self.cloud.trouble = lambda *_: None
        if self.has_fault:
            self.ports = replace(self.ports, ids=self._ids)
        self.has_fault = False

    @property
    def is_undisturbed(self) -> bool:
        """Tell whether nothing happens but what the flow is about."""
        return not self._faults and self.variant == Variant()

    def let_time_out(self) -> None:
        """Let an operation's time be over, which never happens by itself."""
        self.is_overdue = True
        self.clock.advance(DEADLINE.total_seconds() + 121)

    def may_time_out(self, operation: Operation) -> bool:
        """Tell whether an operation may take an hour."""
        del operation
        return self.is_overdue

    def may_give_up(self, key: RegistryKey) -> bool:
        """Tell whether a registry's message may fail too often."""
        return self.was_broken and super().may_give_up(key)

    def arm(self) -> None:
        """Let boundaries count, and fail, from here."""
        self.plan.is_armed = True

    async def ask(self, request: Callable[[], Awaitable[Any]]) -> Any:
        """Let a client make a request, again when it gets no answer and this is such a client; None without one."""
        for _ in range(_REPETITIONS if self.variant.repeats else 1):
            try:
                with process(f"request {next(self._numbers)}", ADA):
                    answer = await request()
            except (Died, StorageUnavailable):
                continue
            except Refusal as refusal:
                if refusal.problems[0].code is Code.AUTHORIZATION_UNAVAILABLE:
                    continue
                return None
            self._note(answer)
            return answer
        return None

    async def work(self) -> None:
        """Let time pass until there is a message, and the worker be done with it."""
        due = self.due
        if due is None:
            return
        await self.pass_time(due)
        hosts = (self.worker, self.notifier, self.poison_worker)
        try:
            with process(f"worker {next(self._numbers)}"):
                await next(host.step for host in hosts if host.is_ready)()
        except Died:
            pass
        self.violations += self.stranded()

    def postpone(self, perform: Perform, by: timedelta = LATE_BY) -> None:
        """Let a call take effect later than its caller waits for it."""
        self._late_calls.append((self.clock.time + by, perform))

    async def pause(self, fault: Fault) -> None:
        """Let more time pass than a lease lasts, and others work meanwhile, who know nothing of the one that waits.

        Who sleeps for longer than its message waits is helped by the resync timer alone.
        """
        self._has_slept = True
        self.has_net |= fault is Fault.FROZEN
        await asyncio.create_task(self._work_on(_SLEEP[fault]), context=Context())

    async def _work_on(self, sleep: timedelta) -> None:
        end = self.clock.time + sleep
        while self.due is not None and self.due <= end:
            await self.work()
        await self.pass_time(end)

    async def pass_time(self, until: datetime) -> None:
        """Let time pass, and take effect what does meanwhile."""
        while self._late_calls and self._late_calls[0][0] <= until:
            due, perform = self._late_calls.pop(0)
            self.clock.time = max(self.clock.time, due)
            with suppress(BackendError):
                await perform()
        self.clock.time = max(self.clock.time, until)

    def fill_queue(self, time: timedelta) -> None:
        """Let the queue take no message for a while, nor that of who would send back what the host has given up."""
        self._queue.full_until = self.clock.time + time
        self._longer += time + RECOVERY

    def lose_messages(self) -> None:
        """Let every message be gone, and from here the resync timer run as well."""
        self.has_net = True
        self.queue.clear()
        self.notices.clear()

    async def tick(self) -> None:
        """Let the resync timer do what it does."""
        try:
            with process(f"timer {next(self._numbers)}"):
                await resync.tick(ports=self.ports, backend=self.backend)
        except (Died, StorageUnavailable):
            pass

    async def settle_with_net(self) -> None:
        """Let time pass, the timer tick and the worker work until nothing is to be done any more."""
        self.has_net = True
        end, late = self.clock.time + PATIENCE, self.clock.time + self._bound(RECOVERY_WITH_NET)
        while self.clock.time < end:
            self._expect_ends(late)
            await self.pass_time(self.clock.time + TICK)
            await self.tick()
            while self.due is not None and self.due <= self.clock.time:
                await self.work()
            if not self._late_calls and self.due is None and not self.waiting() and not await self.is_outstanding():
                return
        self.violations.append(f"something is still to be done after {PATIENCE}")

    def expect_repaired(self) -> None:
        """Note what is not as it is to be, although it was meddled with long ago."""
        for registry in filter(None, map(self.journal.latest, self.journal.keys)):
            name = registry.spec.name
            self.violations += [f"'{name}' is not repaired: {told}" for told in differences(self.cloud, registry)]

    async def settle(self) -> None:
        """Let time pass and the worker work until no message is left, with the resync timer once it is needed."""
        if self.has_net:
            await self.settle_with_net()
            return
        end, late = self.clock.time + PATIENCE, self.clock.time + self._bound(RECOVERY)
        while self.due is not None:
            self._expect_ends(late)
            if self.clock.time > end:
                self.violations.append(f"messages are still coming after {PATIENCE}")
                return
            await self.work()
        await self.pass_time(max((due for due, _ in self._late_calls), default=self.clock.time))

    def _bound(self, recovery: timedelta) -> timedelta:
        return UNDISTURBED + self._longer + self._faults * recovery

    def _expect_ends(self, late: datetime) -> None:
        """Note what is still under way although it should have ended, whatever has failed."""
        if self.clock.time > late:
            told = (f"'{registry.spec.name}' is {registry.state} for too long" for registry in self.waiting())
            self.violations += [line for line in told if line not in self.violations]

    async def problems(self) -> list[str]:
        """Return everything that is wrong now that nothing is on its way any more."""
        stored = {
            entry.after.operation.id
            for key in self.journal.keys
            for entry in self.journal.entries(key)
            if entry.after is not None
        }
        lost = [f"operation '{answered}' is lost" for answered in self._answered if answered not in stored]
        return lost + ([] if self._has_slept else interleaved(self)) + await problems(self)

    async def visit(self, message: Message) -> None:
        """Do what the worker's function does with a message, twice at the same time if it is delivered so."""
        await self._deliver(super().visit, message)

    async def give_up(self, message: Message) -> None:
        """Do what the poison queue's function does with a message, twice at the same time if it is delivered so."""
        await self._deliver(super().give_up, message)

    async def notify(self, notice: Notice) -> None:
        """Do what the function of the notices does with one, twice at the same time if it is delivered so."""
        await self._deliver(super().notify, notice)

    async def _deliver(self, function: Callable[[Content], Awaitable[None]], message: Content) -> None:
        if self.variant.delivery is not Delivery.TWICE or (function.__name__, message) in self._doubled:
            await function(message)
            return
        self._doubled.add((function.__name__, message))

        async def twin() -> None:
            with process(f"twin {next(self._numbers)}"):
                await function(message)

        for error in await asyncio.gather(twin(), twin(), return_exceptions=True):
            if error is not None:
                raise error

    def _late(self) -> timedelta:
        is_late = self.variant.delivery is Delivery.LATE
        return _LATE[next(self._sent) % len(_LATE)] if is_late else timedelta(0)

    def _note(self, answer: object) -> None:
        self.note_told(answer)
        if isinstance(answer, Outcome):
            is_new = answer.changed and answer.registry.generation == 1 and answer.registry.serial == 1
            if answer.created != is_new:
                self.violations.append(f"an answer says that a registry is new: {answer.created}")
            answer = answer.registry
        if isinstance(answer, Registry):
            was_so = answer in [entry.after for entry in self.journal.entries(answer.key)]
            self.violations += [] if was_so else ["an answer tells of a registry that never was so"]
            answer = answer.operation
        if isinstance(answer, Operation):
            self._answered.append(answer.id)
