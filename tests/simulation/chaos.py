"""What stands at every boundary of a simulation: delays and faults that the seed chooses, and a trace of them."""

import asyncio
import hashlib
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

from registry_api.domain.registry import Registry
from registry_api.domain.resources import Resource
from registry_api.service.backend import BackendError
from registry_api.service.ports import Clock
from tests.simulation.boundaries import Call, Perform
from tests.simulation.cloud import refused, unreachable
from tests.simulation.faults import Fault, faults_of, suffer
from tests.simulation.processes import running
from tests.simulation.weather import REGIONS, Weather
from tests.simulation.world import BACKEND, NOTICES, POISON, QUEUE

REQUEST = "request"
"""How the names of processes begin that answer a client. The others are workers."""

_SHOWN = 60
_LATEST = 15.0  # seconds; with two jumps of the clock still within the settling time
_QUICK = 0.2  # seconds
_SLOW_REQUEST = 4.0  # seconds; two calls and a jump of the clock stay within the time in which a request commits
_SLOW_WORK = 45.0  # seconds; longer than a lease
_FROZEN_REQUEST = 90.0  # seconds; longer than a message waits for its request, so that only the net helps


class Trace:
    """What happened, as a digest and the last lines of it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._digest = hashlib.sha256()
        self._last: deque[str] = deque(maxlen=_SHOWN)

    def add(self, line: str) -> None:
        """Add a line."""
        self._digest.update(line.encode() + b"\n")
        self._last.append(line)

    @property
    def digest(self) -> str:
        """Return what is equal for equal traces."""
        return self._digest.hexdigest()

    @property
    def last(self) -> Sequence[str]:
        """Return the last lines."""
        return list(self._last)


class Chaos:
    """A hook that delays calls and lets some fail.

    Args:
        random: Chooses.
        weather: How often.
        trace: Where every call is written down.
        clock: Tells when what is late takes effect.
    """

    def __init__(self, random: Random, weather: Weather, trace: Trace, clock: Clock) -> None:
        self.is_on = True
        self.requests = 0  # that are under way
        self.cloud_calls = 0  # the same
        self._random = random
        self._weather = weather
        self._trace = trace
        self._clock = clock
        self._late_calls: set[asyncio.Task[None]] = set()
        self._down: set[str] = set()
        self._forbidden: set[str] = set()

    async def __call__(self, call: Call, perform: Perform) -> Any:
        """Make a call, late, and with a fault now and then."""
        process = running()
        is_to_the_cloud = call.port == BACKEND
        self.cloud_calls += is_to_the_cloud
        try:
            await asyncio.sleep(self._delay(process.name))
            return await self._make(call, perform)
        finally:
            self.cloud_calls -= is_to_the_cloud

    async def _make(self, call: Call, perform: Perform) -> Any:
        process = running()
        process.check()
        fault = self._fault(call)
        self._trace.counts["calls"] += 1
        told = f"{asyncio.get_running_loop().time():.3f} {process.name} {call} {fault or ''}"
        try:
            if self._is_doubled(call):
                await perform()
                told += " doubled"
            answer = await suffer(fault, call, perform, self)
        except BaseException as error:
            self._trace.add(f"{told} {type(error).__name__}")
            if isinstance(error, Exception):
                await asyncio.sleep(self._delay(process.name))
            raise
        self._trace.add(told)
        await asyncio.sleep(self._delay(process.name))
        process.check()
        return answer

    def late(self) -> timedelta:
        """Return how much later than asked for a message is delivered."""
        if not self.is_on or self._random.random() >= self._weather.late_rate:
            return timedelta(0)
        return timedelta(seconds=self._random.choice((1, 5, 30, 90)))

    def trouble(self, registry: Registry, resource: Resource) -> BackendError | None:
        """Return what the cloud has against a resource at the moment."""
        del registry
        if resource.region in self._forbidden:
            return refused(resource.region)
        return unreachable(resource.region) if resource.region in self._down else None

    def change_trouble(self) -> None:
        """Let other regions be down, or forbid everything."""
        self._down = {region for region in REGIONS if self._random.random() < 0.2}
        self._forbidden = {region for region in REGIONS if self._random.random() < 0.1}
        self._trace.add(f"down: {sorted(self._down)}, forbidden: {sorted(self._forbidden)}")

    def stop(self) -> None:
        """Let nothing fail any more, and nothing be slow."""
        self.is_on = False
        self._down, self._forbidden = set(), set()

    def postpone(self, perform: Perform) -> None:
        """Let a call take effect after a while."""
        self.cloud_calls += 1
        task = asyncio.create_task(self._make_late(perform, self._random.uniform(0, _LATEST)))
        self._late_calls.add(task)
        task.add_done_callback(self._late_calls.discard)

    async def pause(self, fault: Fault) -> None:
        """Sleep for longer than a lease."""
        del fault
        await asyncio.sleep(_SLOW_WORK)

    async def _make_late(self, perform: Perform, seconds: float) -> None:
        """Let a call take effect after a while, also by a clock that jumps."""
        due = self._clock.now() + timedelta(seconds=seconds)
        try:
            while self._clock.now() < due:  # noqa: ASYNC110 - a clock that jumps tells nobody
                await asyncio.sleep(_QUICK)
            with suppress(BackendError):
                await perform()
        finally:
            self.cloud_calls -= 1

    def _fault(self, call: Call) -> Fault | None:
        if not self.is_on:
            return None
        is_death = self._random.random() < self._weather.death_share
        if Fault.LATE in faults_of(call) and self._random.random() < self._weather.late_action_rate:
            fault = self._random.choice((Fault.LATE, Fault.LEFT))
        elif self._random.random() < self._weather.fault_rate:
            fault = self._random.choice((Fault.BEFORE, Fault.AFTER) if is_death else (Fault.LOST, Fault.REFUSED))
        else:
            return None
        self._trace.counts[f"fault {fault}"] += 1
        return fault

    def _is_doubled(self, call: Call) -> bool:
        is_message = call.port in {QUEUE, POISON, NOTICES} and call.method in {"send", "put"}
        return is_message and self.is_on and self._random.random() < self._weather.duplicate_rate

    def _delay(self, process: str) -> float:
        if self.is_on and self._random.random() < self._weather.slow_rate:
            slow_request = _FROZEN_REQUEST if self._weather.has_net else _SLOW_REQUEST
            return self._random.uniform(0, slow_request if process.startswith(REQUEST) else _SLOW_WORK)
        return self._random.uniform(0, _QUICK)
