"""What subscribers are told: everything that is for them, in its order, and again until they take it."""

from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from registry_api.domain.delivery import Outstanding
from registry_api.domain.drift import CHECK_INTERVAL
from registry_api.domain.names import RegistryKey
from registry_api.domain.resources import Failure, FailureKind
from registry_api.service import delivering, history
from registry_api.service.accepting import Intent
from registry_api.service.backend import BackendError
from registry_api.service.messages import Notice
from registry_api.service.ports import Kept
from registry_api.storage.keys import event_key
from registry_api.storage.memory import MemoryRows
from registry_api.storage.outbox import RegistryOutbox
from registry_api.storage.rows import Upsert
from tests.courier import subscriber
from tests.service.listening import CREATED, DELETED, DRIFTED, FAILED, PROVISIONED, UPDATED, listening, outstanding
from tests.service.world import ADA, ASKING, SCOPE, World


async def test_a_life_is_told_in_its_order() -> None:
    """Creation, success, change and end are told one after the other, and nothing is left to tell."""
    world = listening()
    await world.put("eastus")
    await world.settle()
    await world.put("eastus", description="another")
    await world.settle()
    await world.delete()
    await world.settle()

    assert world.letters.types() == [CREATED, PROVISIONED, UPDATED, PROVISIONED, DELETED]
    assert await outstanding(world) == []


async def test_an_event_that_cannot_be_read_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever somebody has put in its place, those after it are told, nothing is left to tell, and the log says so."""
    world = listening()
    await world.put("eastus")
    await world.settle()
    changed = (await world.put("eastus", description="another")).registry
    partition, row = "tenant:demo1", event_key(changed.incarnation, changed.events)
    await world.rows.transact(partition, [Upsert(row, '{"type":"FromANewerBuild"}')])
    await world.settle()
    await world.delete()
    await world.settle()

    assert world.letters.types() == [CREATED, PROVISIONED, PROVISIONED, DELETED]
    assert await outstanding(world) == []
    assert f"Row '{row}' of '{partition}' is no Event." in caplog.text


async def test_what_is_told_is_harmless_and_enough() -> None:
    """A CloudEvent tells which registry, what, by whom and by which operation, and nothing of the document."""
    world = listening()
    registry = (await world.put("eastus", description="a secret", tags={"a": "canary"})).registry
    await world.settle()
    created, provisioned = world.letters.events()

    assert created == {
        "specversion": "1.0",
        "id": f"{registry.incarnation.replace('.', '-')}-1",
        "source": registry.id,
        "type": CREATED,
        "subject": "Demo1",
        "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "sequence": "0000000001",
        "data": {
            "name": "Demo1",
            "id": registry.id,
            "incarnation": registry.incarnation,
            "generation": 1,
            "provisioning_state": "Accepted",
            "operation": registry.operation.id,
            "operation_kind": "Create",
            "actor": "ada",
            "actor_type": "User",
            "message": None,
        },
    }
    assert (provisioned["data"]["provisioning_state"], provisioned["data"]["actor"]) == ("Succeeded", "registry-api")
    letters = world.letters.taken["inventory"]
    assert [letter.id for letter in letters] == [created["id"], provisioned["id"]]
    assert all("." not in letter.id for letter in letters)


async def test_a_failure_tells_its_cause() -> None:
    """What has failed is told with the reason that the operation tells."""
    world = listening()
    refusal = Failure(code="Forbidden", message="Not allowed.", kind=FailureKind.BLOCKED)
    world.backend.refuse = lambda _: BackendError(refusal)
    await world.put("eastus")
    await world.settle()

    failed = world.letters.events()[-1]
    assert (failed["type"], failed["data"]["message"], failed["data"]["provisioning_state"]) == (
        FAILED,
        "Not allowed.",
        "Failed",
    )


async def test_drift_and_its_repair_are_told() -> None:
    """What the resync finds is told like everything else."""
    world = listening()
    await world.put("eastus")
    await world.settle()
    world.backend.lose("eastus")
    world.clock.advance(CHECK_INTERVAL / timedelta(seconds=1))
    await world.tick()
    await world.settle()

    assert world.letters.types()[2:] == [DRIFTED, PROVISIONED]


async def test_what_was_canceled_or_superseded_is_not_told() -> None:
    """Somebody has asked for it: the request that took its place is told, a cancellation is not."""
    world = listening()
    await world.put("eastus")
    operation = (await world.put("eastus", "westus")).registry.operation
    await history.cancel(operation.id, Intent(ADA, SCOPE), ports=world.ports)
    await world.settle()

    assert world.letters.types() == [CREATED, UPDATED]
    assert await outstanding(world) == []


async def test_without_subscribers_nothing_is_announced() -> None:
    """Who has none pays nothing: no notice, no row; nor for types that nobody wants, nor for another tenant."""
    for subscribers in ((), (subscriber("x", "tenant", DRIFTED),), (subscriber("x", "another"),)):
        world = World()
        world.subscribers = subscribers
        await world.put("eastus")
        await world.settle()
        assert (world.notices.messages(), await outstanding(world), world.letters.tried) == ([], [], {})
        events = await history.list_events("Demo1", 10, None, ASKING, ports=world.ports)
        assert {event.subscribers for event in events.items} == {()}


async def test_everybody_is_told_what_is_theirs() -> None:
    """Subscribers get the types that they ask for, of their tenant."""
    world = listening(subscriber(), subscriber("ends", "tenant", PROVISIONED, DELETED), subscriber("b", "another"))
    await world.put("eastus")
    await world.settle()
    await world.delete()
    await world.settle()

    assert world.letters.types() == [CREATED, PROVISIONED, DELETED]
    assert world.letters.types("ends") == [PROVISIONED, DELETED]
    assert "b" not in world.letters.tried


async def test_a_new_subscriber_is_told_what_happens_from_then_on() -> None:
    """It gets nothing that happened before anybody knew of it."""
    world = listening()
    await world.put("eastus")
    await world.settle()
    world.subscribers = (subscriber(), subscriber("newcomer"))
    await world.put("eastus", description="another")
    await world.settle()

    assert world.letters.types("newcomer") == [UPDATED, PROVISIONED]


async def test_a_subscriber_that_was_removed_is_told_nothing() -> None:
    """What was for it only is no longer outstanding."""
    world = listening(subscriber("gone"))
    await world.put("eastus")
    world.subscribers = (subscriber(),)
    await world.settle()

    assert (world.letters.tried["gone"], world.letters.types()) == ([], [PROVISIONED])
    assert await outstanding(world) == []


def test_nobody_commits_without_announcing() -> None:
    """Every change of a registry goes through the one function that announces it."""
    folder = Path(delivering.__file__).parent
    files = {file.name for file in folder.glob("*.py") if "store.commit(" in file.read_text("utf-8")}

    assert files == {"announcing.py"}


async def test_what_telling_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that is told costs one message more than another; a delivery three reads and four writes."""
    calls: list[str] = []
    for name in ("get", "range", "transact", "scan", "find", "walk"):
        method = getattr(MemoryRows, name)

        async def count(*arguments: Any, name: str = name, method: Any = method) -> Any:
            calls.append(name)
            return await method(*arguments)

        monkeypatch.setattr(MemoryRows, name, count)
    told, untold = listening(), World()
    for world in (told, untold):
        calls.clear()
        await world.put("eastus")
        assert (calls, len(world.queue.messages())) == (["get", "transact"], 1)
    assert (len(told.notices.messages()), len(untold.notices.messages())) == (1, 0)
    calls.clear()
    told.clock.advance(1)
    await told.notify_once()

    assert sorted(calls) == ["get", "get", "range", *["transact"] * 4]


async def test_what_is_committed_between_two_reads_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notifier that saw no outbox, and then the event, since the commit came between, looks again and tells it."""
    world = listening()
    await world.put("eastus")
    (body,) = world.notices.messages()
    read, reads = RegistryOutbox.read, count()

    async def early(outbox: RegistryOutbox, key: RegistryKey, incarnation: str) -> Kept[Outstanding] | None:
        return None if next(reads) == 0 else await read(outbox, key, incarnation)

    monkeypatch.setattr(RegistryOutbox, "read", early)
    await delivering.notify(Notice.model_validate_json(body), ports=world.ports, courier=world.courier)

    assert world.letters.types() == [CREATED]
