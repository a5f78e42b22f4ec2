"""What the service relies on its outbox for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from registry_api.domain import delivery
from registry_api.domain.delivery import Cursor, DeliveryFailure, Outstanding, Undelivered
from registry_api.domain.names import RegistryKey
from registry_api.domain.registry import Registry
from registry_api.service.ports import Conflict, Kept
from registry_api.storage.outbox import RegistryOutbox
from registry_api.storage.rows import Position, Rows, Upsert
from registry_api.storage.store import RegistryStore
from tests.contract.records import NOW, acceptance_of, new, removal_of
from tests.contract.test_store_contract import event_of
from tests.courier import subscriber

INVENTORY = subscriber("In-ventory_1", "t1")
DEMO, FIRST = RegistryKey("t1", "demo"), "Demo.1"


@pytest.fixture
def outbox(rows: Rows) -> RegistryOutbox:
    """Return the outbox on rows of an implementation."""
    return RegistryOutbox(rows)


def outstanding_of(registry: Registry, through: int) -> Outstanding:
    """Return that there is something to tell of a registry."""
    return Outstanding(
        tenant=registry.key.tenant,
        name=registry.key.name,
        incarnation=registry.incarnation,
        through=through,
        since=NOW,
        due=NOW + timedelta(minutes=5),
    )


async def keep(store: RegistryStore, registry: Registry, events: int) -> str:
    """Commit a registry to which so much has happened that is to be told."""
    happened = [event_of(registry, sequence) for sequence in range(1, events + 1)]
    change = replace(acceptance_of(registry), events=happened, outstanding=outstanding_of(registry, events))
    version = await store.commit(change)
    assert version is not None
    return version


def undelivered_of(registry: Registry, sequence: int, name: str = INVENTORY.name) -> Undelivered:
    """Return an event that a subscriber was not told of."""
    gone = DeliveryFailure(cause="It answered 410.", final=True)
    event = event_of(registry, sequence)
    given_up = delivery.give_up(Cursor(written_at=NOW), event, subscriber(name, "t1"), gone, NOW)
    assert given_up is not None
    return given_up


async def test_what_is_to_be_told_is_committed_with_what_happened(store: RegistryStore, outbox: RegistryOutbox) -> None:
    """It is there with the change, or not at all, and outlives the registry until everybody was told."""
    registry = new()
    assert await outbox.read(registry.key, registry.incarnation) is None
    assert list((await outbox.walk(10, None)).items) == []
    version = await keep(store, registry, 2)
    with pytest.raises(Conflict):
        await store.commit(replace(acceptance_of(registry), outstanding=outstanding_of(registry, 9)))
    await store.commit(removal_of(registry, version))

    kept = await outbox.read(registry.key, registry.incarnation)
    assert kept is not None
    assert kept.record == outstanding_of(registry, 2)
    assert (await outbox.walk(10, None)).items == [kept]
    await outbox.settle(kept)
    assert await outbox.read(registry.key, registry.incarnation) is None


async def test_nothing_new_is_settled_unseen(store: RegistryStore, outbox: RegistryOutbox) -> None:
    """Who has told what was there when he looked leaves what came later, and cannot postpone it."""
    registry = new()
    version = await keep(store, registry, 1)
    old = await outbox.read(registry.key, registry.incarnation)
    assert old is not None
    change = replace(removal_of(registry, version), events=[event_of(registry, 2)])
    await store.commit(replace(change, outstanding=outstanding_of(registry, 2)))

    with pytest.raises(Conflict):
        await outbox.settle(old)
    with pytest.raises(Conflict):
        await outbox.postpone(old, NOW)
    kept = await outbox.read(registry.key, registry.incarnation)
    assert kept is not None
    assert kept.record.through == 2
    await outbox.postpone(kept, NOW + timedelta(hours=1))
    later = await outbox.read(registry.key, registry.incarnation)
    assert later is not None
    assert later.record == kept.record.model_copy(update={"due": NOW + timedelta(hours=1)})


async def test_the_walk_passes_every_outbox_and_nothing_else(
    store: RegistryStore, outbox: RegistryOutbox, rows: Rows
) -> None:
    """Page by page, of all tenants; a row that cannot be read is passed over."""
    registries = [new(name, tenant) for tenant in ["a", "Z-9", "tenant with blanks"] for name in ["One", "two"]]
    for registry in registries:
        await keep(store, registry, 1)
        await store.commit(acceptance_of(new("Silent", registry.tenant))) if registry.spec.name == "One" else None
    await rows.transact("m:broken", [Upsert("outbox:x", "{}")])
    seen: list[RegistryKey] = []
    continuation: str | None = None
    while True:
        page = await outbox.walk(2, continuation)
        seen += [RegistryKey(kept.record.tenant, kept.record.name) for kept in page.items]
        continuation = page.continuation
        if continuation is None:
            break

    assert sorted(seen) == sorted(registry.key for registry in registries)
    with pytest.raises(ValueError, match="continuation"):
        await outbox.walk(2, "nothing")


async def test_events_are_read_from_the_oldest(store: RegistryStore, outbox: RegistryOutbox) -> None:
    """After one and through another, of one life of the registry only."""
    registry = new()
    version = await keep(store, registry, 12)
    await store.commit(removal_of(registry, version))
    another = new().model_copy(update={"incarnation": "Demo.2"})
    await keep(store, another, 3)

    async def read(after: int, through: int) -> list[int]:
        events = await outbox.read_events(DEMO, FIRST, after, through)
        assert {event.incarnation for event in events} <= {FIRST}
        return [event.sequence for event in events]

    assert await read(0, 100) == [*range(1, 13)]
    assert await read(2, 5) == [3, 4, 5]
    assert await read(11, 12) == [12]
    assert await read(12, 20) == []
    assert await outbox.read_events(RegistryKey("t1", "nothing"), FIRST, 0, 100) == []


async def test_a_cursor_is_kept_by_one_at_a_time(outbox: RegistryOutbox) -> None:
    """Only who has read the newest version writes the next, from the first one on."""
    assert await outbox.read_cursor(DEMO, FIRST, INVENTORY.name) is None
    fresh = Kept(delivery.begin(Cursor(written_at=NOW), NOW), None)
    begun = await outbox.keep_cursor(DEMO, FIRST, INVENTORY.name, fresh)
    with pytest.raises(Conflict):
        await outbox.keep_cursor(DEMO, FIRST, INVENTORY.name, fresh)
    assert await outbox.read_cursor(DEMO, FIRST, INVENTORY.name) == begun

    behind = Kept(delivery.advance(begun.record, 3, NOW), begun.version)
    advanced = await outbox.keep_cursor(DEMO, FIRST, INVENTORY.name, behind)
    with pytest.raises(Conflict):
        await outbox.keep_cursor(DEMO, FIRST, INVENTORY.name, behind)
    assert await outbox.read_cursor(DEMO, FIRST, INVENTORY.name) == advanced
    assert advanced.record.settled == 3
    for incarnation, name in (("Demo.2", INVENTORY.name), (FIRST, "another")):
        assert await outbox.read_cursor(DEMO, incarnation, name) is None


async def test_what_is_given_up_is_kept_with_the_cursor(store: RegistryStore, outbox: RegistryOutbox) -> None:
    """Both are written or neither; the newest is listed first, page by page, by subscriber."""
    cursor = Kept(Cursor(written_at=NOW), None)
    for sequence in (1, 2, 3):
        undelivered = undelivered_of(new(), sequence)
        behind = Kept(delivery.advance(cursor.record, sequence, NOW), cursor.version)
        cursor = await outbox.keep_cursor(DEMO, FIRST, INVENTORY.name, behind, undelivered)
        with pytest.raises(Conflict):
            await outbox.keep_cursor(DEMO, FIRST, INVENTORY.name, behind, undelivered_of(new(), 9))
    other = undelivered_of(new(), 2, "another")
    await outbox.keep_cursor(DEMO, FIRST, "another", Kept(Cursor(written_at=NOW), None), other)

    first = await store.list_undelivered(DEMO, 3, None)
    second = await store.list_undelivered(DEMO, 3, first.continuation)
    assert second.continuation is None
    found = [(item.event.sequence, item.subscriber) for item in (*first.items, *second.items)]
    assert found == [(3, INVENTORY.name), (2, INVENTORY.name), (2, "another"), (1, INVENTORY.name)]
    assert second.items == [undelivered_of(new(), 1)]
    assert (await store.list_undelivered(RegistryKey("t2", "demo"), 3, None)).items == []


async def test_what_nobody_needs_any_more_is_removed(store: RegistryStore, outbox: RegistryOutbox, rows: Rows) -> None:
    """Cursors stay as long as their registry and a month longer, the outbox for a month, dead letters like events."""
    registry = new()
    version = await keep(store, registry, 1)
    await outbox.keep_cursor(
        DEMO, FIRST, INVENTORY.name, Kept(Cursor(written_at=NOW), None), undelivered_of(registry, 1)
    )

    async def left_after(days: float) -> set[str]:
        while await store.sweep(100, None, NOW + timedelta(days=days)) is not None:
            pass
        kinds = {row.key.partition(":")[0] for row in (await rows.walk(100, None)).rows}
        return kinds & {"cursor", "outbox", "undelivered"}

    assert await left_after(29) == {"cursor", "outbox", "undelivered"}
    assert await left_after(31) == {"cursor", "undelivered"}
    end = event_of(registry, 2).model_copy(update={"time": NOW + timedelta(days=31)})
    await store.commit(replace(removal_of(registry, version), events=[end]))
    assert await left_after(60) == {"cursor", "undelivered"}
    assert await left_after(62) == {"undelivered"}
    assert await left_after(401) == set()


async def test_rows_are_found_by_the_beginning_of_their_keys(rows: Rows) -> None:
    """In the order of partitions and keys, page by page, and none with another beginning."""
    wanted = [("a:1", "outbox:x"), ("a:1", "outbox:y"), ("b:1", "outbox:x")]
    for partition, key in [*reversed(wanted), ("a:1", "outbox"), ("a:1", "outbox;"), ("b:1", "outboxx:"), ("c", "x")]:
        await rows.transact(partition, [Upsert(key, "one")])
    found: list[tuple[str, str]] = []
    start: Position | None = None
    while True:
        part = await rows.find("outbox:", 2, start)
        assert len(part.rows) <= 2
        found += [(row.partition, row.key) for row in part.rows]
        start = part.next
        if start is None:
            break

    assert found == wanted
