"""What the worker's functions do with a message and with a tick, on twins."""

from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from registry_api import bootstrap
from registry_api.domain.problems import Code
from registry_api.storage.memory import MemoryQueue, MemoryRows
from registry_api.storage.records import Quarantined
from registry_api.storage.store import RegistryStore
from registry_api.worker import functions
from tests.service.world import World


@pytest.fixture
def rows() -> MemoryRows:
    """Return the rows of the world."""
    return MemoryRows()


@pytest.fixture
def world(rows: MemoryRows, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return the world that the functions find."""
    world = World(store=RegistryStore(rows))
    monkeypatch.setattr(bootstrap, "app", lambda: SimpleNamespace(ports=world.ports))
    monkeypatch.setattr(bootstrap, "backend", lambda: world.backend)
    return world


async def run(function: Any, argument: object) -> None:
    """Run a function as the host does."""
    await function._function.get_user_function()(argument)


def queued(world: World) -> func.QueueMessage:
    """Take the one message from the queue."""
    (body,) = world.queue.messages()
    world.queue = MemoryQueue(world.clock)
    return func.QueueMessage(id="message-1", body=body)


async def test_a_message_brings_a_visit(world: World) -> None:
    """The registry that it names is made."""
    await world.put("eastus")
    world.clock.advance(1)
    await run(functions.provision, queued(world))

    assert (await world.read()).state == "Succeeded"


async def test_a_message_that_failed_too_often_ends_the_operation(world: World) -> None:
    """The function of the poison queue gives up, and touches nothing in the cloud."""
    await world.put("eastus")
    world.clock.advance(1)
    await run(functions.provision_poison, queued(world))

    error = (await world.read()).operation.error
    assert (error and error.code, world.backend.calls) == (Code.OPERATION_POISONED, [])


async def test_a_tick_of_the_timer_is_one_of_the_resync(world: World) -> None:
    """What was lost is announced again."""
    await world.put("eastus")
    world.queue = MemoryQueue(world.clock)
    world.clock.advance(60)
    await run(functions.resync, SimpleNamespace())

    assert len(world.queue.messages()) == 1


NAIVE = b'{"tenant":"t","name":"n","visit":"v","serial":1,"announced_at":"2026-01-01T00:00:00"}'


@pytest.mark.parametrize("function", [functions.provision, functions.provision_poison], ids=["work", "poison"])
@pytest.mark.parametrize(
    "body",
    [b"", b"eyJ0ZW5hbnQiOiJ0In0=", b"\xff\x00", b"[]", b'{"tenant":"t"}', NAIVE],
    ids=lambda body: repr(body)[:20],
)
async def test_what_nobody_can_read_is_put_aside(world: World, rows: MemoryRows, function: Any, body: bytes) -> None:
    """It is kept as it came, under the message's id, and not tried again; a time without a zone is none."""
    await run(function, func.QueueMessage(id="message-1", body=body))

    row = await rows.get("=quarantine", "message:message-1")
    assert row is not None
    kept = Quarantined.model_validate_json(row.text)
    assert (kept.content, kept.time) == (body, world.clock.now())
