"""The queue listener against a real Azurite."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from azure.core.exceptions import ResourceNotFoundError, ServiceRequestError
from azure.storage.queue import QueueClient, QueueServiceClient

from devhost.inputs import Delivery
from devhost.invoke import InvocationError
from devhost.queues import PollingDelay, QueueListener, connect
from devhost.settings import QueueSettings

_SETTINGS = QueueSettings(
    batch_size=4,
    new_batch_threshold=2,
    max_dequeue_count=3,
    visibility_timeout=timedelta(0),
    max_polling_interval=timedelta(milliseconds=50),
    message_encoding="base64",
)
_PATIENCE = 30


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class _Queues:
    """A queue of its own for a test, and its poison queue."""

    def __init__(self, storage: str) -> None:
        self.storage = storage
        self.name = f"test-{uuid4().hex}"
        self._service = QueueServiceClient.from_connection_string(storage)

    def client(self, suffix: str = "") -> QueueClient:
        return self._service.get_queue_client(self.name + suffix)

    def create(self, *messages: str) -> None:
        self.client().create_queue()
        for message in messages:
            self.client().send_message(message)

    def poisoned(self) -> list[str]:
        """Return the texts in the poison queue, none if there is no such queue."""
        try:
            return [str(message.content) for message in self.client("-poison").peek_messages(32)]
        except ResourceNotFoundError:
            return []

    def size(self) -> int:
        """Return how many messages there are, hidden ones too."""
        return self.client().get_queue_properties().approximate_message_count or 0

    def close(self) -> None:
        self._service.close()


@pytest.fixture
def queues(storage: str) -> Iterator[_Queues]:
    """Yield a queue that does not exist yet."""
    queues = _Queues(storage)
    yield queues
    queues.close()


class _Handler:
    """Stands for the function: it remembers deliveries and fails or waits as it is told."""

    def __init__(self, *, fails: int = 0) -> None:
        self.deliveries: list[Delivery] = []
        self.running = 0
        self.peak = 0
        self.gates: dict[bytes, asyncio.Event] = {}
        self._fails = fails
        self._news = asyncio.Condition()

    async def __call__(self, delivery: Delivery) -> None:
        self.running += 1
        self.peak = max(self.peak, self.running)
        self.deliveries.append(delivery)
        await self._tell()
        try:
            if gate := self.gates.get(delivery.text):
                await gate.wait()
        finally:
            self.running -= 1
            await self._tell()
        if len(self.deliveries) <= self._fails:
            raise InvocationError

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(condition), _PATIENCE)


@asynccontextmanager
async def _listening(
    queues: _Queues,
    handler: Callable[[Delivery], Awaitable[None]],
    settings: QueueSettings = _SETTINGS,
    *,
    suffix: str = "",
    lease: timedelta = timedelta(minutes=10),
) -> AsyncIterator[QueueListener]:
    """Run a listener, and afterwards stop it and wait for its messages."""
    listener = QueueListener(
        service=connect(queues.storage),
        queue_name=queues.name + suffix,
        settings=settings,
        handler=handler,
        minimal_polling=timedelta(milliseconds=10),
        lease=lease,
    )
    running = asyncio.ensure_future(listener.run())
    try:
        yield listener
    finally:
        listener.stop()
        await asyncio.wait_for(running, _PATIENCE)


def _spy(listener: QueueListener, method: str, *, failures: int = 0) -> asyncio.Queue[dict[str, Any]]:
    """Return the successful calls of the listener to a method of its queue's client; the first may fail."""
    calls: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    original = getattr(listener._queue, method)

    async def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal failures
        if failures:
            failures -= 1
            raise ServiceRequestError("refused")
        result = await original(*args, **kwargs)
        calls.put_nowait(kwargs)
        return result

    setattr(listener._queue, method, call)
    return calls


async def test_a_message_is_decoded_run_and_deleted(queues: _Queues) -> None:
    """A message reaches the function once, decoded, and is gone afterwards."""
    queues.create(_encoded("grüße"))
    handler = _Handler()
    async with _listening(queues, handler):
        await handler.until(lambda: len(handler.deliveries) == 1)
    delivery = handler.deliveries[0]
    assert (delivery.text.decode(), delivery.dequeue_count) == ("grüße", 1)
    assert delivery.inserted_on is not None
    assert delivery.pop_receipt
    assert queues.size() == 0
    assert queues.poisoned() == []


async def test_a_failed_message_comes_back_at_once(queues: _Queues) -> None:
    """With visibilityTimeout 0 a message is tried again immediately, with a higher count."""
    queues.create(_encoded("again"))
    handler = _Handler(fails=1)
    async with _listening(queues, handler):
        await handler.until(lambda: len(handler.deliveries) == 2)
    assert [delivery.dequeue_count for delivery in handler.deliveries] == [1, 2]
    assert queues.size() == 0


async def test_a_failed_message_is_hidden_for_the_visibility_timeout(queues: _Queues) -> None:
    """host.json's visibilityTimeout is the pause before the next attempt."""
    queues.create(_encoded("later"))
    handler = _Handler(fails=1)
    settings = replace(_SETTINGS, visibility_timeout=timedelta(hours=1))
    async with _listening(queues, handler, settings) as listener:
        updates = _spy(listener, "update_message")
        assert (await asyncio.wait_for(updates.get(), _PATIENCE))["visibility_timeout"] == 3600
    assert len(handler.deliveries) == 1
    assert queues.size() == 1


async def test_a_message_is_poisoned_after_the_last_attempt(queues: _Queues) -> None:
    """After maxDequeueCount failures the message moves to the poison queue, which is created for it."""
    queues.create(_encoded("hopeless"))
    handler = _Handler(fails=99)
    async with _listening(queues, handler) as listener:
        deletions = _spy(listener, "delete_message")
        await asyncio.wait_for(deletions.get(), _PATIENCE)
    assert [delivery.dequeue_count for delivery in handler.deliveries] == [1, 2, 3]
    assert queues.poisoned() == [_encoded("hopeless")]
    assert queues.size() == 0


async def test_what_is_not_base64_is_poisoned_unrun(queues: _Queues) -> None:
    """Undecodable messages go to the poison queue as they are, at once and together."""
    queues.create("not base64!", "neither")
    handler = _Handler()
    async with _listening(queues, handler) as listener:
        deletions = _spy(listener, "delete_message")
        for _ in range(2):
            await asyncio.wait_for(deletions.get(), _PATIENCE)
    assert handler.deliveries == []
    assert sorted(queues.poisoned()) == ["neither", "not base64!"]
    assert queues.size() == 0


async def test_plain_text_needs_message_encoding_none(queues: _Queues) -> None:
    """With messageEncoding none a message is taken as it is."""
    queues.create("plain text")
    handler = _Handler()
    async with _listening(queues, handler, replace(_SETTINGS, message_encoding="none")):
        await handler.until(lambda: len(handler.deliveries) == 1)
    assert handler.deliveries[0].text == b"plain text"


async def test_a_message_that_was_tried_too_often_is_poisoned_unrun(queues: _Queues) -> None:
    """A message that arrives with a count above maxDequeueCount is not run again."""
    queues.create(_encoded("worn out"))
    for _ in range(_SETTINGS.max_dequeue_count):
        taken = queues.client().receive_message()
        assert taken is not None
        queues.client().update_message(taken, visibility_timeout=0)
    handler = _Handler()
    async with _listening(queues, handler) as listener:
        deletions = _spy(listener, "delete_message")
        await asyncio.wait_for(deletions.get(), _PATIENCE)
    assert handler.deliveries == []
    assert queues.poisoned() == [_encoded("worn out")]


async def test_a_poison_queue_has_no_poison_queue(queues: _Queues) -> None:
    """A function that reads `...-poison` and fails leaves the message there, hidden."""
    queues.client("-poison").create_queue()
    queues.client("-poison").send_message(_encoded("bad"))
    handler = _Handler(fails=99)
    async with _listening(queues, handler, replace(_SETTINGS, max_dequeue_count=1), suffix="-poison"):
        await handler.until(lambda: len(handler.deliveries) == 1 and not handler.running)
    assert queues.client("-poison").get_queue_properties().approximate_message_count == 1
    assert queues.client("-poison").peek_messages() == []
    with pytest.raises(ResourceNotFoundError):
        queues.client("-poison-poison").get_queue_properties()


async def test_no_more_than_batch_and_threshold_run_at_once(queues: _Queues) -> None:
    """A new batch is taken only when at most newBatchThreshold run: the peak is the sum of both."""
    texts = [f"message {number}" for number in range(12)]
    queues.create(*map(_encoded, texts))
    handler = _Handler()
    handler.gates = {text.encode(): asyncio.Event() for text in texts}
    async with _listening(queues, handler):
        await handler.until(lambda: handler.running == 4)
        for delivery in handler.deliveries[:2]:
            handler.gates[delivery.text].set()
        await handler.until(lambda: handler.running == 6)
        for gate in handler.gates.values():
            gate.set()
        await handler.until(lambda: len(handler.deliveries) == 12)
    assert handler.peak == 6


async def test_a_long_run_keeps_its_message_hidden(queues: _Queues) -> None:
    """At half time the lease is renewed; the deletion uses the newest pop receipt."""
    queues.create(_encoded("long"))
    handler = _Handler()
    handler.gates[b"long"] = asyncio.Event()
    async with _listening(queues, handler, lease=timedelta(seconds=2)) as listener:
        renewals = _spy(listener, "update_message")
        for _ in range(2):
            assert (await asyncio.wait_for(renewals.get(), _PATIENCE))["visibility_timeout"] == 2
        handler.gates[b"long"].set()
    assert len(handler.deliveries) == 1
    assert queues.size() == 0


async def test_a_renewal_that_fails_is_tried_again_sooner(queues: _Queues) -> None:
    """One failed renewal does not cost the message its lease."""
    queues.create(_encoded("long"))
    handler = _Handler()
    handler.gates[b"long"] = asyncio.Event()
    async with _listening(queues, handler, lease=timedelta(seconds=2)) as listener:
        renewals = _spy(listener, "update_message", failures=1)
        await asyncio.wait_for(renewals.get(), _PATIENCE)
        handler.gates[b"long"].set()
    assert len(handler.deliveries) == 1
    assert queues.size() == 0


async def test_a_deletion_that_fails_does_not_end_the_listener(queues: _Queues) -> None:
    """The message stays hidden until its lease ends, and the next ones are handled."""
    queues.create(_encoded("stays"))
    handler = _Handler()
    async with _listening(queues, handler) as listener:
        deletions = _spy(listener, "delete_message", failures=1)
        await handler.until(lambda: len(handler.deliveries) == 1)
        queues.client().send_message(_encoded("goes"))
        await asyncio.wait_for(deletions.get(), _PATIENCE)
    assert [delivery.text for delivery in handler.deliveries] == [b"stays", b"goes"]
    assert queues.size() == 1


async def test_a_queue_that_does_not_exist_is_waited_for(queues: _Queues) -> None:
    """The host does not create the queue; it looks again until somebody has."""
    handler = _Handler()
    async with _listening(queues, handler) as listener:
        await _polls(listener, 2)
        with pytest.raises(ResourceNotFoundError):
            queues.client().get_queue_properties()
        queues.create(_encoded("at last"))
        await handler.until(lambda: len(handler.deliveries) == 1)


async def _polls(listener: QueueListener, count: int) -> None:
    """Wait until the listener has asked in vain so many times."""
    asked = asyncio.Event()
    original = listener._delay.next
    left = count

    def delay() -> float:
        nonlocal left
        left -= 1
        if left == 0:
            asked.set()
        return original()

    listener._delay.next = delay  # type: ignore[method-assign]
    await asyncio.wait_for(asked.wait(), _PATIENCE)


async def test_an_outage_is_survived_and_logged_once(queues: _Queues, caplog: pytest.LogCaptureFixture) -> None:
    """The listener goes on while storage is away, and says so only at the beginning and at the end."""
    caplog.set_level(logging.INFO, "devhost")
    queues.create()
    async with _listening(queues, _Handler()) as listener:
        original = listener._next_batch
        failures = [ServiceRequestError("refused")] * 3

        async def next_batch() -> Any:
            if failures:
                raise failures.pop()
            return await original()

        listener._next_batch = next_batch  # type: ignore[method-assign]
        await _polls(listener, 5)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_stopping_waits_for_the_messages_in_work(queues: _Queues) -> None:
    """After stop nothing new is taken, but what runs is finished and deleted."""
    queues.create(_encoded("slow"))
    handler = _Handler()
    handler.gates[b"slow"] = asyncio.Event()
    async with _listening(queues, handler, replace(_SETTINGS, new_batch_threshold=0)) as listener:
        await handler.until(lambda: handler.running == 1)
        listener.stop()
        queues.client().send_message(_encoded("too late"))
        handler.gates[b"slow"].set()
    assert [delivery.text for delivery in handler.deliveries] == [b"slow"]
    assert queues.size() == 1


def test_the_polling_delay_grows_and_is_reset() -> None:
    """Pauses double, give or take a fifth, up to the maximum, and begin again after a message."""
    delay = PollingDelay(timedelta(milliseconds=100), timedelta(seconds=2))
    first = [delay.next() for _ in range(7)]
    assert first[0] == pytest.approx(0.1)
    assert first[1] == pytest.approx(0.2, rel=0.2)
    assert first[2] == pytest.approx(0.4, rel=0.2)
    assert first == sorted(first)
    assert first[-1] == 2
    delay.reset()
    assert delay.next() == pytest.approx(0.1)
