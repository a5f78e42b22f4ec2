"""The whole way from a change to a real receiver, on a clock that does not wait."""

import logging
from collections.abc import Iterator
from itertools import count

import pytest

from registry_api.notification.courier import HttpCourier, Mailbox
from registry_api.service import history
from registry_api.storage.memory import MemoryQueue
from tests.courier import subscriber
from tests.notification.receiver import SECRET, HttpReceiver
from tests.service.world import ASKING, World

DAY = 24 * 3600


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    """Serve on loopback."""
    with HttpReceiver() as receiver:
        yield receiver


@pytest.fixture
def world(receiver: HttpReceiver) -> World:
    """Return a world whose only subscriber is the receiver."""
    world = World()
    world.subscribers = (subscriber(),)
    world.courier = HttpCourier({"inventory": Mailbox(receiver.url, [SECRET])}, anywhere=True)
    return world


async def test_a_receiver_is_told_in_order_until_it_takes_it(world: World, receiver: HttpReceiver) -> None:
    """It fails now and then: the same letter comes again, signed anew, and the others wait for their turn."""
    numbers = count()
    receiver.answer = lambda _: (204 if next(numbers) % 3 == 2 else 500, {})
    began = world.clock.now().timestamp()
    await world.put("eastus")
    await world.settle()
    await world.delete()
    await world.settle()

    told = [(received.event["type"], int(received.headers["webhook-timestamp"])) for received in receiver.received]
    kinds = ["registry.created", "registry.provisioned", "registry.deleted"]
    assert [kind for kind, _ in told] == [kind for kind in kinds for _ in range(3)]
    assert all(received.is_signed_with(SECRET) for received in receiver.received)
    assert all(received.event["id"] == received.headers["webhook-id"] for received in receiver.received)
    first, second, third = (seconds - began for _, seconds in told[:3])
    assert (5 <= second - first <= 8, 10 <= third - second <= 14) == (True, True)


async def test_a_receiver_that_is_away_for_days_leaves_dead_letters(
    world: World, receiver: HttpReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """They tell what was not delivered, and why; then it goes on with what is new, and no log has a secret."""
    caplog.set_level(logging.INFO)
    receiver.answer = lambda _: (302, {"Location": receiver.url})
    await world.put("eastus")
    await world.settle(3 * DAY)
    receiver.answer = lambda _: (200, {})
    await world.put("eastus", description="another")
    await world.settle()

    page = await history.list_undelivered("Demo1", 10, None, ASKING, ports=world.ports)
    assert [(dead.event.sequence, dead.cause) for dead in page.items] == [
        (2, "It answered 302, and redirects are not followed."),
        (1, "It answered 302, and redirects are not followed."),
    ]
    assert [received.event["sequence"][-1] for received in receiver.received[-2:]] == ["3", "4"]
    everything = f"{caplog.text} {page.items}"
    assert "will not be told" in everything
    assert "canary" not in everything
    assert SECRET not in everything


async def test_addresses_inside_are_never_told(world: World, receiver: HttpReceiver) -> None:
    """Without the setting for local use, loopback gets nothing, however often it is tried."""
    world.courier = HttpCourier({"inventory": Mailbox(receiver.url, [SECRET])})
    await world.put("eastus")
    await world.settle(3 * DAY)

    page = await history.list_undelivered("Demo1", 10, None, ASKING, ports=world.ports)
    assert {dead.cause for dead in page.items} == {"Its address is not one of the public internet."}
    assert (len(page.items), receiver.received) == (2, [])


async def test_a_lost_queue_is_made_up_for(world: World, receiver: HttpReceiver) -> None:
    """The resync announces again, also of a registry that is gone."""
    await world.put("eastus")
    await world.settle()
    await world.delete()
    while await world.work_once() or world.queue.messages():
        world.clock.advance(1)
    world.notices = MemoryQueue(world.clock)
    world.clock.advance(300)
    await world.tick()
    await world.settle()

    kinds = [received.event["type"] for received in receiver.received]
    assert kinds == ["registry.created", "registry.provisioned", "registry.deleted"]
