"""One history: clients, workers, a clock that jumps and a world that fails, all as a seed says; then peace."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from registry_api.domain.caller import Caller
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.registry import CLOCK_SKEW
from registry_api.service import delivering, registries, resync
from registry_api.service.accepting import Intent
from registry_api.service.ports import StorageUnavailable
from tests.service.world import SCOPE
from tests.simulation.chaos import Chaos, Trace
from tests.simulation.clients import Client
from tests.simulation.host import Host
from tests.simulation.loop import JumpingClock, SkewedClock, run
from tests.simulation.model import Model
from tests.simulation.processes import Died, origin, process
from tests.simulation.settled import problems
from tests.simulation.weather import Weather
from tests.simulation.world import World

PATIENCE = timedelta(hours=2)  # after the last fault: an operation's deadline, and what dead workers left hidden
RECOVERY_WITH_NET = 240.0  # seconds after the last fault in which every operation ends if the resync timer comes,
CHANGES = 3  # and this many changes of the cloud, one after the other
TENANTS = ("north", "south")
_POLL = 2.0
_TICK = 15.0
_NAP = 5.0
_LONGEST_NAP = 30.0
_SMALL_JUMP, _LARGE_JUMP = 20.0, 3600.0
_HURT = {ProvisioningState.FAILED, ProvisioningState.CANCELED}


@dataclass(frozen=True, slots=True)
class History:
    """What came of a seed."""

    seed: int
    digest: str
    problems: Sequence[str]
    counts: Mapping[str, int]
    last: Sequence[str]
    seconds_to_rest: float  # after the last fault: nobody is told anything any more
    seconds_to_recover: float  # after the last fault: every operation has ended; with the net only, else 0

    @property
    def told(self) -> str:
        """Return how to see it again, what is wrong, and how it came to that."""
        head = f"python -m tests.simulation --seed {self.seed}  # {'; '.join(self.problems[:3]) or 'all is well'}"
        return "\n    ".join([head, *self.last]) if self.problems else head


def simulate(seed: int) -> History:
    """Run what a seed says; the same seed gives the same history."""
    return run(lambda loop: _Simulation(seed, loop).run())


class _Simulation:
    def __init__(self, seed: int, loop: asyncio.AbstractEventLoop) -> None:
        self._seed = seed
        self._random = Random(seed)  # noqa: S311 - a seed makes it the same again
        self._weather = Weather.of(self._random)
        self._trace = Trace()
        self._clock = JumpingClock(loop)
        self._chaos = Chaos(self._random, self._weather, self._trace, self._clock)
        self._world = World(self._clock, self._chaos, self._chaos.late)
        self._world.skew(SkewedClock(self._clock, self._weather.clock_skew, seed))
        self._world.has_net = self._weather.has_net
        self._world.cloud.trouble = self._chaos.trouble
        self._world.cloud.duration = lambda: timedelta(seconds=self._random.uniform(0, self._weather.cloud_seconds))
        if self._weather.has_audience:
            self._world.subscribe(*TENANTS)
        self._recovery = 0.0
        self._model = Model(self._world.journal)

    async def run(self) -> History:
        others = [
            *(self._work(f"worker {number}", self._world.worker) for number in range(self._weather.workers)),
            self._work("poison worker", self._world.poison_worker),
            *(self._work(f"notifier {number}", self._world.notifier) for number in range(self._weather.workers)),
            *([self._tick(), self._lose_messages()] if self._weather.has_net else []),
            self._jump(),
            self._trouble(),
            self._meddle(),
        ]
        tasks = [asyncio.create_task(other) for other in others]
        await asyncio.gather(*(self._client(number).live() for number in range(self._weather.clients)))
        self._chaos.stop()
        self._world.peace_at = self._clock.now()
        seconds = await self._rest()
        found = await problems(self._world) or await self._heal()
        for task in tasks:
            task.cancel()
        return History(
            self._seed, self._trace.digest, found, self._trace.counts, self._trace.last, seconds, self._recovery
        )

    def _client(self, number: int) -> Client:
        caller = Caller(tenant=TENANTS[number % len(TENANTS)], name=f"client {number}")
        return Client(
            caller,
            world=self._world,
            weather=self._weather,
            random=self._random,
            model=self._model,
            chaos=self._chaos,
            trace=self._trace,
        )

    async def _work(self, name: str, host: Host[Any]) -> None:
        number = 0
        while True:
            due = self._world.due
            left = (due - self._clock.now()).total_seconds() if due is not None else _LONGEST_NAP
            await asyncio.sleep(min(max(left, 0), _LONGEST_NAP) + self._random.uniform(0, _POLL))
            if not host.is_ready:
                continue
            number += 1
            try:
                with process(f"{name}.{number}"):
                    await host.step()
            except Died:
                self._trace.counts["deaths"] += 1
            self._world.violations += self._world.stranded()

    async def _tick(self) -> None:
        """Let the resync timer come, as often as it does."""
        number = 0
        while True:
            await asyncio.sleep(_TICK)
            number += 1
            try:
                with process(f"timer.{number}"):
                    await resync.tick(ports=self._world.ports, backend=self._world.backend)
            except Died:
                self._trace.counts["deaths"] += 1
            except StorageUnavailable:
                continue
            self._trace.counts["ticks"] += 1

    async def _lose_messages(self) -> None:
        """Let all messages be gone now and then."""
        while self._chaos.is_on:
            await asyncio.sleep(self._random.uniform(0, 2 * self._weather.loss_pause))
            if self._chaos.is_on:
                self._world.queue.clear()
                self._world.notices.clear()
                self._trace.add("all messages are lost")
                self._trace.counts["losses"] += 1

    async def _jump(self) -> None:
        """Let the clock jump; far only where no call would last for longer than its caller allows."""
        while True:
            await asyncio.sleep(self._random.uniform(0, 2 * self._weather.jump_pause))
            if not self._chaos.is_on:
                return
            is_quiet = not self._chaos.requests and not self._chaos.cloud_calls
            seconds = self._random.uniform(0, _LARGE_JUMP if is_quiet else _SMALL_JUMP)
            self._clock.jump(seconds)
            self._world.jumps.append(self._clock.now())
            self._trace.add(f"jump {seconds:.3f}")

    async def _trouble(self) -> None:
        while self._chaos.is_on:
            await asyncio.sleep(self._random.uniform(0, 2 * self._weather.trouble_pause))
            if self._chaos.is_on:
                self._chaos.change_trouble()

    async def _meddle(self) -> None:
        """Let somebody from outside remove or change something now and then."""
        while self._chaos.is_on:
            await asyncio.sleep(self._random.uniform(0, 2 * self._weather.meddle_pause))
            things = self._world.cloud.things()
            if things and self._chaos.is_on:
                place = self._random.choice(things).place
                self._random.choice((self._world.cloud.lose, self._world.cloud.spoil))(place)
                self._trace.add(f"meddle {place.kind} {place.region} {place.name}")

    async def _rest(self) -> float:
        """Wait until no message is left, and nobody waits for one; return how long it took."""
        began, loop = asyncio.get_running_loop().time(), asyncio.get_running_loop()
        while self._is_under_way or await self._is_outstanding():
            if loop.time() - began > PATIENCE.total_seconds():
                self._world.violations.append(f"messages are still coming {PATIENCE} after the last fault")
                break
            if self._weather.has_net and (late := self._under_way_since_faults()):
                self._expect_recovery(loop.time() - began, late)
            await asyncio.sleep(_NAP)
        return loop.time() - began

    def _under_way_since_faults(self) -> list[str]:
        """Return the registries that have been under way since something failed; a repair may begin at any time."""
        peace = self._world.peace_at
        return [
            registry.spec.name
            for registry in self._world.waiting()
            if peace is None or registry.operation.start_time <= peace + CLOCK_SKEW
        ]

    def _expect_recovery(self, seconds: float, late: Sequence[str]) -> None:
        self._recovery = max(self._recovery, seconds)
        if seconds > RECOVERY_WITH_NET + CHANGES * self._weather.cloud_seconds:
            self._world.violations += [f"'{name}' takes too long" for name in late]

    @property
    def _is_under_way(self) -> bool:
        return self._world.due is not None or bool(self._world.waiting()) or self._chaos.cloud_calls > 0

    async def _is_outstanding(self) -> bool:
        """Tell whether there is something yet to be told; only the net brings a notice that failed too often."""
        is_outstanding = await self._world.is_outstanding()
        if is_outstanding and self._world.poison_notices.messages() and not self._weather.has_net:
            await delivering.remind(None, 100, ports=self._world.ports)
        return is_outstanding

    async def _heal(self) -> Sequence[str]:
        """Look at every registry again now that nothing fails, and return what is wrong then."""
        stored = [registry for key in self._world.journal.keys if (registry := self._world.journal.latest(key))]
        for registry in stored:
            healer = Caller(tenant=registry.tenant, name="healer")
            with process("request healer", healer):
                intent = Intent(healer, SCOPE, origin=origin())
                await registries.retry(registry.spec.name, intent, ports=self._world.ports)
        await self._rest()
        found = [
            f"'{key.name}' is {registry.state} after it was looked at again"
            for key in self._world.journal.keys
            if (registry := self._world.journal.latest(key)) and registry.state in _HURT
        ]
        return found + await problems(self._world)
