"""What goes wrong between the app and its storage, and when: drawn from one seeded random."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from tests.contract.faulty import Fault, FaultyProxy

REFUSED = "REFUSED"

_SHARES = {
    Fault.THROTTLED: 2,
    Fault.SERVER_FAILS: 2,
    Fault.SERVER_BUSY: 2,
    Fault.REQUEST_RESET: 2,
    Fault.ANSWER_RESET: 2,
    Fault.ANSWER_TRUNCATED: 2,
    Fault.ANSWER_LOST: 2,
    Fault.FAILS_AFTERWARDS: 1,
    Fault.SLOW_REQUEST: 2,
    Fault.SLOW_ANSWER: 2,
}
_SLOWEST = 4.0  # longer than the app waits for most answers, far shorter than the lease of a visit
_OUTAGE_EVERY, _LONGEST_OUTAGE = 12.0, 2.0


@dataclass
class Weather:
    """Decides about every request of every proxy.

    Args:
        chance: The source of all decisions.
        rate: The share of requests that something goes wrong with.
    """

    chance: random.Random
    rate: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    requests: int = 0  # while something could go wrong with them

    def choose(self) -> Fault | None:
        """Return what goes wrong with the next request."""
        self.requests += self.rate > 0
        if self.chance.random() >= self.rate:
            return None
        (fault,) = self.chance.choices([*_SHARES], [*_SHARES.values()])
        self.faults[fault.name] += 1
        return fault

    def delay(self) -> float:
        """Return for how many seconds something is slow: mostly short, at times longer than anybody waits."""
        return _SLOWEST * self.chance.random() ** 3

    async def outages(self, proxies: list[FaultyProxy], calm: asyncio.Event) -> None:
        """Let proxies refuse and break all connections for a while, one after the other, until it is calm."""
        while not await happens(calm, self.chance.expovariate(1 / _OUTAGE_EVERY)):
            if not self.rate:
                continue
            proxy = self.chance.choice(proxies)
            await proxy.stop()
            try:
                self.faults[REFUSED] += 1
                await happens(calm, self.chance.uniform(0.05, _LONGEST_OUTAGE))
            finally:
                await proxy.start()


async def happens(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, but not longer than given, and tell whether it happened."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
