"""The receiving end of each queue. In production it is the Functions host."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.queue import StorageErrorCode
from azure.storage.queue.aio import QueueClient

from registry_api.service.ports import Conflict, WorkQueue
from registry_api.storage.memory import Delivery, MemoryQueue
from registry_api.storage.queues import StorageQueue
from tests.contract.records import NOW
from tests.contract.sdk.queues import SdkQueue

INVISIBLE = timedelta(seconds=1)  # the least that Azure allows
_PATIENCE = 5.0


class Receiver(Protocol):
    """Receives from a queue that was just made."""

    queue: WorkQueue

    async def receive(self) -> Delivery | None:
        """Return a visible message, or None; it is invisible for a second then."""

    async def receive_later(self) -> Delivery | None:
        """Return a message that becomes visible within a second, or None."""

    async def delete(self, delivery: Delivery) -> None:
        """Remove a message.

        Raises:
            Conflict: If it was delivered again since, or is gone.
        """


@dataclass
class SteppedClock:
    """A clock that moves when told to."""

    time: datetime = NOW

    def now(self) -> datetime:
        """Return the time."""
        return self.time


class MemoryReceiver:
    """Receives from a queue in memory; time passes without waiting."""

    def __init__(self) -> None:
        self._clock = SteppedClock()
        self._queue = MemoryQueue(self._clock)
        self.queue: WorkQueue = self._queue

    async def receive(self) -> Delivery | None:
        """Return a visible message, or None; it is invisible for a second then."""
        return await self._queue.receive(INVISIBLE)

    async def receive_later(self) -> Delivery | None:
        """Return a message that becomes visible within a second, or None."""
        self._clock.time += timedelta(seconds=1)
        return await self.receive()

    async def delete(self, delivery: Delivery) -> None:
        """Remove a message."""
        await self._queue.delete(delivery)


class AzureReceiver:
    """Receives from a queue in Azure Storage."""

    def __init__(self, connection_string: str, name: str, queue: type[StorageQueue | SdkQueue]) -> None:
        self._queue = queue(connection_string, name)
        self.queue: WorkQueue = self._queue
        self._client = QueueClient.from_connection_string(connection_string, name)

    async def receive(self) -> Delivery | None:
        """Return a visible message, or None; it is invisible for a second then."""
        try:
            message = await self._client.receive_message(visibility_timeout=round(INVISIBLE.total_seconds()))
        except ResourceNotFoundError:
            return None
        if message is None:
            return None
        return Delivery(
            id=message.id,
            body=message.content.encode(),
            dequeue_count=message.dequeue_count or 0,
            pop_receipt=message.pop_receipt or "",
        )

    async def receive_later(self) -> Delivery | None:
        """Return a message that becomes visible within a second, or None."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if (delivery := await self.receive()) is not None:
                return delivery
            await asyncio.sleep(0.05)
        return None

    async def delete(self, delivery: Delivery) -> None:
        """Remove a message."""
        try:
            await self._client.delete_message(delivery.id, delivery.pop_receipt)
        except HttpResponseError as error:
            code = getattr(error, "error_code", None)
            assert code in {StorageErrorCode.POP_RECEIPT_MISMATCH, StorageErrorCode.MESSAGE_NOT_FOUND}
            raise Conflict(str(code)) from error

    async def close(self) -> None:
        """Give the connections back."""
        await self._queue.close()
        await self._client.close()
