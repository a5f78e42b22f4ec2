"""What the functions of the notices do, on twins."""

import logging
from types import SimpleNamespace

import azure.functions as func
import pytest

from registry_api import bootstrap
from registry_api.worker import functions
from tests.courier import subscriber
from tests.service.world import World
from tests.worker.test_provisioning import run


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return the world that the functions find, with a subscriber."""
    world = World()
    world.subscribers = (subscriber(),)
    monkeypatch.setattr(bootstrap, "app", lambda: SimpleNamespace(ports=world.ports))
    monkeypatch.setattr(bootstrap, "courier", lambda: world.courier)
    return world


async def test_a_notice_tells_subscribers(world: World) -> None:
    """What it announces is delivered."""
    await world.put("eastus")
    (body,) = world.notices.messages()
    await run(functions.notify, func.QueueMessage(id="message-1", body=body))

    assert world.letters.types() == ["registry.created"]


async def test_a_notice_that_failed_too_often_is_left_to_the_resync(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said, nothing is sent, and nothing is forgotten."""
    caplog.set_level(logging.ERROR)
    await world.put("eastus")
    (body,) = world.notices.messages()
    await run(functions.notify_poison, func.QueueMessage(id="message-1", body=body))

    assert world.letters.types() == []
    assert "'demo1' failed too often" in caplog.text


async def test_a_notice_that_nobody_can_read_is_put_aside(world: World) -> None:
    """Whichever of the functions gets it."""
    for function in (functions.notify, functions.notify_poison):
        await run(function, func.QueueMessage(id=function.__class__.__name__, body=b"{}"))

    assert len([row for row in (await world.rows.walk(10, None)).rows if row.partition == "=quarantine"]) == 1
