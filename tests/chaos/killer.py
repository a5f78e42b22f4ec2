"""Kills processes without warning, mostly while they work, and starts them again."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.processes import HostProcess
from tests.chaos.weather import happens

_BATCHES = (1, 2, 8)
_WHILE_STARTING = 0.05  # the share of kills that do not wait for the start to be over
_AT_ANY_MOMENT = 0.1  # the share of kills that do not wait for work
_WHILE_VISITING = 0.7  # the share of the others that do not come before a visit has begun
_FROZEN_FIRST = 0.03  # the share of workers that sleep through their lease before they are killed
_SLEEPS = (20.0, 45.0)
_LONGEST_LIFE = 3.0
_SPREADS = (0.05, 0.3, 1.0)  # seconds, for how long after work was seen to begin
_PATIENCE = 10.0
_SERVER_LIVES = (6.0, 20.0)


@dataclass
class Kills:
    """How many workers were killed, and what they were doing."""

    total: int = 0
    with_message: int = 0
    in_visit: int = 0
    visits: int = 0
    starting: int = 0
    servers: int = 0
    frozen: int = 0


@dataclass
class Killer:
    """Kills processes until it is calm.

    Args:
        chance: What moments are drawn from.
        kills: Where to count.
        may_kill: Whether there is to be another one.
    """

    chance: random.Random
    kills: Kills
    may_kill: Callable[[], bool]

    async def haunt_worker(self, worker: HostProcess, calm: asyncio.Event) -> None:
        """Start a worker again and again, and kill it at random moments; in the end it is running."""
        while self.may_kill() and not calm.is_set():
            if not worker.is_running:
                await worker.start(**_batch(self.chance.choice(_BATCHES)))
            await self._moment(worker, calm)
            if self.chance.random() < _FROZEN_FIRST:
                self.kills.frozen += 1
                await worker.freeze(calm, self.chance.uniform(*_SLEEPS))
                await happens(calm, self.chance.uniform(0, _LONGEST_LIFE))
            await self.kill_worker(worker)
        await self.revive(worker)

    async def kill_worker(self, worker: HostProcess) -> None:
        """Kill a worker, and count what it was doing."""
        is_ready = worker.ready.is_set()
        await worker.kill()
        self.kills.total += 1
        self.kills.starting += not is_ready
        if worker.watch is not None:
            self.kills.with_message += worker.watch.in_work > 0
            self.kills.in_visit += worker.watch.visits > 0
            self.kills.visits += worker.watch.visits

    async def haunt_server(self, server: HostProcess, calm: asyncio.Event) -> None:
        """Kill the process that serves HTTP at times; in the end it is running."""
        while not await happens(calm, self.chance.uniform(*_SERVER_LIVES)):
            await server.kill()
            self.kills.servers += 1
            await server.start()

    async def revive(self, worker: HostProcess) -> None:
        """Have a worker that is as it would be in production."""
        if not worker.is_running:
            await worker.start()

    async def _moment(self, worker: HostProcess, calm: asyncio.Event) -> None:
        """Return at the moment when a worker is to be killed."""
        kind = self.chance.random()
        if kind >= _WHILE_STARTING:
            await happens(worker.ready, _PATIENCE)
        if worker.watch is None or kind < _WHILE_STARTING + _AT_ANY_MOMENT:
            await happens(calm, self.chance.uniform(0, _LONGEST_LIFE))
            return
        is_visit = self.chance.random() < _WHILE_VISITING
        await happens(worker.watch.has_lease if is_visit else worker.watch.has_message, _PATIENCE)
        await happens(calm, self.chance.uniform(0, self.chance.choice(_SPREADS)))


def _batch(size: int) -> dict[str, str]:
    """Return settings by which a worker takes so many messages at once."""
    queues = "AzureFunctionsJobHost__extensions__queues__"
    return {f"{queues}batchSize": str(size), f"{queues}newBatchThreshold": str(size // 2)}
