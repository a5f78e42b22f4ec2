"""Subscribers that a test looks at, and a courier that brings letters to them without a network."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from registry_api.domain.delivery import DeliveryFailure
from registry_api.domain.subscribers import NotificationType, Subscriber
from registry_api.service.audience import DeliveryError, Letter


def subscriber(name: str = "inventory", tenant: str = "tenant", *types: str) -> Subscriber:
    """Return a subscriber, of all types unless some are named."""
    chosen = frozenset(map(NotificationType, types or NotificationType))
    return Subscriber(name=name, tenant=tenant, types=chosen, address=f"https://{name}.example")


class MemoryCourier:
    """Brings letters; each is refused for as long as `trouble` says so."""

    def __init__(self) -> None:
        self.taken: defaultdict[str, list[Letter]] = defaultdict(list)
        self.tried: defaultdict[str, list[Letter]] = defaultdict(list)
        self.trouble: Callable[[Subscriber, Letter], DeliveryFailure | None] = lambda *_: None

    async def deliver(self, subscriber: Subscriber, letter: Letter) -> None:
        """Deliver a letter."""
        await asyncio.sleep(0)
        self.tried[subscriber.name].append(letter)
        if (failure := self.trouble(subscriber, letter)) is not None:
            raise DeliveryError(failure)
        self.taken[subscriber.name].append(letter)

    def events(self, name: str = "inventory") -> list[dict[str, Any]]:
        """Return what a subscriber has taken."""
        return [json.loads(letter.body) for letter in self.taken[name]]

    def types(self, name: str = "inventory") -> list[str]:
        """Return what a subscriber was told of."""
        return [event["type"] for event in self.events(name)]
