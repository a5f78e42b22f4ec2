"""Queue triggers: poll, hide, run, delete or poison.

The rules are those of azure-sdk-for-net, QueueListener.cs and QueueProcessor.cs.

This module is imported only if the app has a queue trigger, because it imports the storage SDK.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from devhost.inputs import Delivery
from devhost.invoke import InvocationError
from devhost.settings import QueueSettings

log = logging.getLogger("devhost")

MINIMAL_POLLING = timedelta(milliseconds=100)
_POISON = "-poison"
_LONGEST_NAME = 63
_RETRIES = 2  # of one storage call, by the SDK
_JITTER = 0.2

Handler = Callable[[Delivery], Awaitable[None]]


class PollingDelay:
    """How long to wait before an empty queue is asked again (RandomizedExponentialBackoffStrategy.cs)."""

    def __init__(self, minimum: timedelta, maximum: timedelta) -> None:
        self._minimum = minimum.total_seconds()
        self._maximum = maximum.total_seconds()
        self._exponent = 0

    def reset(self) -> None:
        """Begin again with the shortest delay: there was something to do."""
        self._exponent = 0

    def next(self) -> float:
        """Return the next delay in seconds: it doubles, give or take a fifth, up to the maximum."""
        spread = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - jitter is no secret
        steps = float(2**self._exponent - 1)
        delay = min(self._minimum + steps * self._minimum * spread, self._maximum)
        if delay < self._maximum:
            self._exponent += 1
        return delay


class QueueListener:
    """Runs one function for the messages of one queue.

    Args:
        service: The storage account. The listener closes it in the end.
        queue_name: The queue. It is not created: the listener waits until it exists.
        settings: host.json's `extensions.queues`.
        handler: Runs the function; it raises InvocationError if the function failed.
        lease: For how long a message is hidden while it is worked on, renewed at half time.
        minimal_polling: The shortest pause before an empty queue is asked again.
    """

    def __init__(
        self,
        *,
        service: QueueServiceClient,
        queue_name: str,
        settings: QueueSettings,
        handler: Handler,
        lease: timedelta,
        minimal_polling: timedelta = MINIMAL_POLLING,
    ) -> None:
        self._service = service
        self._queue: QueueClient = service.get_queue_client(queue_name)
        self._poison: QueueClient | None = None
        # QueueListenerFactory.cs: there is no poison queue of a poison queue.
        if not queue_name.endswith(_POISON) and len(queue_name) + len(_POISON) <= _LONGEST_NAME:
            self._poison = service.get_queue_client(queue_name + _POISON)
        self._settings = settings
        self._handler = handler
        self._lease = lease
        self._delay = PollingDelay(minimal_polling, settings.max_polling_interval)
        self._stopping = asyncio.Event()
        self._messages: set[asyncio.Task[None]] = set()
        self._unreachable = False

    async def run(self) -> None:
        """Poll until stopped, whatever functions and storage do, then wait for the messages in work."""
        async with self._service:
            while not self._stopping.is_set():
                if await self._receive():
                    self._delay.reset()
                    await self._wait_for_room()
                else:
                    await self._pause(self._delay.next())
            if self._messages:
                await asyncio.wait(self._messages)

    def stop(self) -> None:
        """Stop polling; messages that are being worked on go on."""
        self._stopping.set()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _wait_for_room(self) -> None:
        while len(self._messages) > self._settings.new_batch_threshold and not self._stopping.is_set():
            stopping = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait({stopping, *self._messages}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()

    async def _receive(self) -> bool:
        """Start a batch of messages and tell whether there were any."""
        try:
            batch = await self._next_batch()
        except ResourceNotFoundError:  # the queue does not exist yet
            return False
        except AzureError as error:
            if not self._unreachable:
                log.warning("Queue '%s' cannot be read, trying on: %s", self._queue.queue_name, _reason(error))
            self._unreachable = True
            return False
        if self._unreachable:
            log.info("Queue '%s' can be read again", self._queue.queue_name)
            self._unreachable = False
        for message in batch:
            task = asyncio.get_running_loop().create_task(self._process(message))
            self._messages.add(task)
            task.add_done_callback(self._messages.discard)
        return bool(batch)

    async def _next_batch(self) -> list[QueueMessage]:
        pages = self._queue.receive_messages(
            messages_per_page=self._settings.batch_size,
            max_messages=self._settings.batch_size,
            visibility_timeout=_seconds(self._lease),
        ).by_page()
        async for page in pages:  # one page is one request
            return [message async for message in page]
        return []

    async def _process(self, message: QueueMessage) -> None:
        try:
            await self._work_on(message)
        except AzureError as error:
            # The message shows itself again when its lease ends.
            log.warning("Message %s in '%s': %s", message.id, self._queue.queue_name, _reason(error))

    async def _work_on(self, message: QueueMessage) -> None:
        count = message.dequeue_count or 1
        text = decode(str(message.content), self._settings.message_encoding)
        if text is None:
            log.error("Message %s in '%s' is not base64", message.id, self._queue.queue_name)
            await self._give_up(message)
        elif count > self._settings.max_dequeue_count:
            await self._give_up(message)
        elif await self._run_function(message, text, count):
            await self._queue.delete_message(message.id, message.pop_receipt)
        elif count >= self._settings.max_dequeue_count:
            await self._give_up(message)
        elif self._poison:
            hidden = _seconds(self._settings.visibility_timeout)
            await self._queue.update_message(message.id, message.pop_receipt, visibility_timeout=hidden)

    async def _run_function(self, message: QueueMessage, text: bytes, count: int) -> bool:
        """Run the function with its message kept hidden and tell whether it succeeded."""
        done = asyncio.Event()
        renewal = asyncio.get_running_loop().create_task(self._keep_hidden(message, done))
        try:
            await self._handler(
                Delivery(
                    id=message.id,
                    text=text,
                    dequeue_count=count,
                    inserted_on=message.inserted_on,
                    expires_on=message.expires_on,
                    next_visible_on=message.next_visible_on,
                    pop_receipt=message.pop_receipt,
                )
            )
        except InvocationError:
            return False
        finally:
            done.set()
            await renewal  # so that a renewal under way ends and its pop receipt is the one that counts
        return True

    async def _keep_hidden(self, message: QueueMessage, done: asyncio.Event) -> None:
        pause = self._lease.total_seconds() / 2
        while True:
            try:
                await asyncio.wait_for(done.wait(), pause)
            except TimeoutError:
                try:
                    renewed = await self._queue.update_message(
                        message.id, message.pop_receipt, visibility_timeout=_seconds(self._lease)
                    )
                    message.pop_receipt = renewed.pop_receipt
                    pause = self._lease.total_seconds() / 2
                except AzureError as error:
                    log.warning("Message %s could not be kept hidden: %s", message.id, _reason(error))
                    pause = max(pause / 2, self._lease.total_seconds() / 10)
            else:
                return

    async def _give_up(self, message: QueueMessage) -> None:
        """Move a message to the poison queue, or leave it hidden if there is none."""
        if not self._poison:
            return
        log.error(
            "Message %s has been moved from '%s' to '%s'",
            message.id,
            self._queue.queue_name,
            self._poison.queue_name,
        )
        try:
            await self._poison.send_message(message.content)
        except ResourceNotFoundError:
            try:
                await self._poison.create_queue()
            except ResourceExistsError:
                log.debug("Another message has just created '%s'", self._poison.queue_name)
            await self._poison.send_message(message.content)
        await self._queue.delete_message(message.id, message.pop_receipt)


def connect(connection_string: str) -> QueueServiceClient:
    """Return a client that leaves long outages to the listener's own loop."""
    return QueueServiceClient.from_connection_string(
        connection_string, retry_total=_RETRIES, initial_backoff=1, increment_base=1, random_jitter_range=0
    )


def decode(content: str, encoding: str) -> bytes | None:
    """Decode a message's text, None if it is not what host.json's messageEncoding says."""
    if encoding == "none":
        return content.encode()
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except ValueError:
        return None


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())


def _reason(error: AzureError) -> str:
    """Return one line: the service's error code, or what the network said."""
    code = getattr(error, "error_code", None) if isinstance(error, HttpResponseError) else None
    return str(code or (error.message or repr(error)).splitlines()[0])
