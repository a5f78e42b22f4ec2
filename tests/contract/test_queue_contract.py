"""What the service relies on its work queue for, and what the twin of a queue promises."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.queue.aio import QueueClient

from devstack.azurite import Azurite
from registry_api.service.messages import Message
from registry_api.service.ports import Conflict
from registry_api.storage.messages import whole_seconds
from registry_api.storage.queues import StorageQueue
from tests.contract.receivers import Receiver
from tests.contract.records import message
from tests.contract.sdk.queues import SdkQueue

AT_ONCE = timedelta(0)


async def test_a_message_arrives_as_it_was_sent(receiver: Receiver) -> None:
    """The first send makes the queue; the message is delivered for the first time, with the same content."""
    assert await receiver.receive() is None
    sent = message().model_copy(update={"traceparent": "00-4bf9-00f0-01", "name": "größe-🗺"})
    await receiver.queue.send(sent, AT_ONCE)
    delivery = await receiver.receive()
    assert delivery is not None
    assert Message.model_validate_json(delivery.body) == sent
    assert delivery.dequeue_count == 1


async def test_a_delayed_message_is_not_seen_before_its_time(receiver: Receiver) -> None:
    """The delay is at least what was asked for: parts of seconds are rounded up."""
    await receiver.queue.send(message(), timedelta(milliseconds=1))
    assert await receiver.receive() is None
    delivery = await receiver.receive_later()
    assert delivery is not None
    assert Message.model_validate_json(delivery.body) == message()


async def test_a_message_comes_again_until_it_is_deleted(receiver: Receiver) -> None:
    """A received message hides, returns with a higher count and a new receipt; only the newest receipt deletes."""
    await receiver.queue.send(message(), AT_ONCE)
    first = await receiver.receive()
    assert first is not None
    assert await receiver.receive() is None

    second = await receiver.receive_later()
    assert second is not None
    assert (second.id, second.body, second.dequeue_count) == (first.id, first.body, 2)
    with pytest.raises(Conflict):
        await receiver.delete(first)

    await receiver.delete(second)
    with pytest.raises(Conflict):
        await receiver.delete(second)
    assert await receiver.receive() is None


async def test_messages_are_independent(receiver: Receiver) -> None:
    """Deleting one message leaves the others, also those with the same content."""
    for name in ["aa", "bb", "bb"]:
        await receiver.queue.send(message(name), AT_ONCE)
    deliveries = [await receiver.receive() for _ in range(3)]
    names = [Message.model_validate_json(delivery.body).name for delivery in deliveries if delivery is not None]
    assert sorted(names) == ["aa", "bb", "bb"]
    assert len({delivery.id for delivery in deliveries if delivery is not None}) == 3
    for delivery in deliveries:
        assert delivery is not None
        await receiver.delete(delivery)


async def test_the_functions_host_can_read_it(azurite: Azurite, new_queue: type[StorageQueue | SdkQueue]) -> None:
    """On the wire a message is plain JSON, as host.json says, and it never expires."""
    name = f"on-the-wire-{secrets.token_hex(4)}"
    queue = new_queue(azurite.connection_string(), name)
    await queue.send(message(), AT_ONCE)
    await queue.close()
    async with QueueClient.from_connection_string(azurite.connection_string(), name) as client:
        raw = await client.receive_message()
    assert raw is not None
    assert Message.model_validate_json(raw.content) == message()
    assert raw.expires_on == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(("delay", "seconds"), [(0, 0), (0.001, 1), (1, 1), (1.5, 2), (30, 30)])
def test_delays_are_rounded_up(delay: float, seconds: int) -> None:
    """No message is seen earlier than asked for."""
    assert whole_seconds(timedelta(seconds=delay)) == seconds
