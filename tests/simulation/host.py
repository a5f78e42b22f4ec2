"""The Functions host around the worker, by the rules of azure-sdk-for-net, QueueProcessor.cs."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from pydantic import BaseModel

from registry_api.service.ports import Clock, Conflict, StorageUnavailable
from registry_api.storage.memory import Delivery, MemoryQueue

HIDDEN = timedelta(minutes=10)  # while a message is worked on; what a dead worker leaves hidden comes back then
RELEASED = timedelta(seconds=5)  # host.json: visibilityTimeout
MOST_DELIVERIES = 5  # host.json: maxDequeueCount


class HostQueue(MemoryQueue):
    """A queue in memory with what only the host does.

    Args:
        clock: Tells when messages become visible.
        late: Tells how much later than asked for a message becomes visible.
    """

    def __init__(self, clock: Clock, late: Callable[[], timedelta] = timedelta) -> None:
        super().__init__(clock)
        self._now = clock.now
        self._late = late
        self.full_until: datetime | None = None  # it takes no message of the service

    async def send(self, message: BaseModel, delay: timedelta) -> None:
        """Put a message on the queue, to be seen after the delay or later: queues keep no order.

        Raises:
            StorageUnavailable: If it is full.
        """
        if self.full_until is not None and self._now() < self.full_until:
            raise StorageUnavailable("The queue is full.")
        await super().send(message, delay + self._late())

    async def put(self, body: bytes, delay: timedelta) -> None:
        """Put any content on the queue."""
        await asyncio.sleep(0)
        self._put(body, delay + self._late())

    async def release(self, delivery: Delivery, delay: timedelta) -> None:
        """Let a message be seen again after a delay.

        Raises:
            Conflict: If it was delivered again since, or is gone.
        """
        entry = self._entries.get(delivery.id)
        if entry is None or entry.delivery.pop_receipt != delivery.pop_receipt:
            raise Conflict("The message is not as it was received.")
        self._entries[delivery.id] = type(entry)(delivery, self._now() + delay)

    def clear(self) -> None:
        """Lose every message."""
        self._entries.clear()

    @property
    def due(self) -> datetime | None:
        """Return when the next message can be seen, None when there is none."""
        return min((entry.visible_at for entry in self._entries.values()), default=None)

    @property
    def is_ready(self) -> bool:
        """Tell whether a message can be seen now."""
        return self.due is not None and self.due <= self._now()


Content = TypeVar("Content", bound=BaseModel)


class Host(Generic[Content]):
    """Takes messages, runs the function for each, and does with the message what follows from that.

    Args:
        queue: The queue.
        poison: Where messages go that failed too often; None for the poison queue itself.
        read: Tells what a message says, None if nobody can read it.
        function: What is run. It may raise anything.
    """

    def __init__(
        self,
        queue: HostQueue,
        poison: HostQueue | None,
        read: Callable[[Delivery], Awaitable[Content | None]],
        function: Callable[[Content], Awaitable[None]],
    ) -> None:
        self._queue = queue
        self._poison = poison
        self._read = read
        self._function = function

    @property
    def is_ready(self) -> bool:
        """Tell whether there is a message to be seen."""
        return self._queue.is_ready

    async def step(self) -> None:
        """Take one message, if there is one to be seen, and be done with it."""
        try:
            delivery = await self._queue.receive(HIDDEN)
            if delivery is not None:
                await self._work_on(delivery)
        except (StorageUnavailable, Conflict):
            return  # the message shows itself again, unless somebody else has it

    async def _work_on(self, delivery: Delivery) -> None:
        if self._poison is not None and delivery.dequeue_count > MOST_DELIVERIES:
            await self._give_up(delivery)
            return
        try:
            message = await self._read(delivery)
            if message is not None:
                await self._function(message)
        except Exception:  # noqa: BLE001 - the host survives whatever a function raises
            if self._poison is None:
                return
            if delivery.dequeue_count >= MOST_DELIVERIES:
                await self._give_up(delivery)
            else:
                await self._queue.release(delivery, RELEASED)
            return
        await self._queue.delete(delivery)

    async def _give_up(self, delivery: Delivery) -> None:
        if self._poison is not None:
            await self._poison.put(delivery.body, timedelta(0))
            await self._queue.delete(delivery)
