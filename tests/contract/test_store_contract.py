"""What the service relies on its store for."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from registry_api.domain.events import Event, EventType
from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import OperationStatus
from registry_api.domain.problems import Code, Problem
from registry_api.domain.registry import Registry
from registry_api.service.ports import Conflict, UnreadableError
from registry_api.service.records import Claim, Commit, Progress, Replay, Revision
from registry_api.storage.records import Quarantined
from registry_api.storage.rows import Rows, Upsert
from registry_api.storage.store import RegistryStore
from tests.contract.records import (
    ELSEWHERE,
    NOW,
    acceptance_of,
    huge,
    in_every_state,
    keep,
    message,
    new,
    removal_of,
    revision_of,
    updated,
)


async def names_of(store: RegistryStore, tenant: str, limit: int = 100) -> list[str]:
    """Return the names of all registries of a tenant, read page by page."""
    names: list[str] = []
    continuation: str | None = None
    while True:
        page = await store.list(tenant, limit, continuation)
        assert len(page.items) <= limit
        names += [registry.spec.name for registry in page.items]
        continuation = page.continuation
        if continuation is None:
            return names


async def test_a_list_shows_what_stays_exactly_once(store: RegistryStore) -> None:
    """Registries that come and go between two pages hide no other one and show none twice."""
    stay = [f"r{number:02d}5" for number in range(12)]
    go = {name: await keep(store, new(name)) for name in [f"r{number:02d}7" for number in range(12)]}
    for name in stay:
        await keep(store, new(name))
    seen: list[str] = []
    continuation: str | None = None
    for number in count():
        page = await store.list("t1", 3, continuation)
        seen += [registry.spec.name for registry in page.items]
        continuation = page.continuation
        if continuation is None:
            break
        await keep(store, new(f"r{number:02d}0-before"))
        await keep(store, new(f"r{11 - number:02d}8-after"))
        for name in [seen[-1], f"r{11 - number:02d}7"]:
            if name in go:
                await store.commit(removal_of(new(name), go.pop(name)))

    assert [name for name in seen if name in stay] == stay
    assert seen == sorted(set(seen))


async def test_nothing_is_read_before_anything_is_written(store: RegistryStore) -> None:
    """An empty store has no registry, no operation and an empty list."""
    assert await store.read(ELSEWHERE) is None
    assert await store.read_operation(ELSEWHERE, "nothing-here.1") is None
    page = await store.list("t1", 10, None)
    assert (list(page.items), page.continuation) == ([], None)


@pytest.mark.parametrize("state", in_every_state())
async def test_a_registry_comes_back_equal(store: RegistryStore, state: str) -> None:
    """Whatever state it is in and whatever was written about it, what is read equals what was committed."""
    registry = in_every_state()[state]
    version = await keep(store, registry)
    stored = await store.read(registry.key)
    assert stored is not None
    assert stored.registry == registry
    assert stored.registry.etag == registry.etag
    assert stored.version == version
    assert (await store.list("t1", 10, None)).items == [registry]
    assert await store.read_operation(registry.key, registry.operation.id) == registry.operation


def test_the_huge_registry_is_beyond_one_property() -> None:
    """The largest registry of the round trip takes several properties of 64 KiB each."""
    assert len(huge().model_dump_json().encode("utf-16-le")) > 2 * 64 * 1024


async def test_a_revision_is_kept_newest_first(store: RegistryStore, rows: Rows) -> None:
    """Each accepted spec is kept under a key that sorts the newest generation first."""
    registry = new()
    version = await keep(store, registry)
    await keep(store, updated(registry), version)
    for generation, accepted in enumerate([registry, updated(registry)], 1):
        row = await rows.get("t1:demo", f"rev:Demo.1:{9_999_999_999 - generation}")
        assert row is not None
        assert Revision.model_validate_json(row.text) == revision_of(accepted)


async def test_a_name_is_one_registry_in_any_case(store: RegistryStore) -> None:
    """Names that differ only in case are the same key; the spelling is kept."""
    await keep(store, new("DemoRegistry"))
    stored = await store.read(RegistryKey.of("t1", "dEMOrEGISTRY"))
    assert stored is not None
    assert stored.registry.spec.name == "DemoRegistry"
    with pytest.raises(Conflict):
        await keep(store, new("demoregistry"))


async def test_the_version_of_a_commit_allows_the_next_one(store: RegistryStore) -> None:
    """A commit returns the version that the next commit replaces; no read is needed in between."""
    version = await keep(store, new())
    version = await keep(store, updated(new()), version)
    stored = await store.read(new().key)
    assert stored is not None
    assert (stored.registry, stored.version) == (updated(new()), version)


async def test_a_stale_version_is_a_conflict(store: RegistryStore) -> None:
    """Who read before somebody else wrote cannot write: nothing of the commit is done."""
    stale = await keep(store, new())
    newer = updated(new())
    await keep(store, newer, stale)
    late = updated(new(), "Demo.late")
    with pytest.raises(Conflict):
        await store.commit(acceptance_of(late, stale))
    assert await store.read_operation(late.key, "Demo.late") is None
    stored = await store.read(newer.key)
    assert stored is not None
    assert stored.registry == newer


async def test_a_registry_is_created_once(store: RegistryStore, rows: Rows) -> None:
    """The second of two creations conflicts, and leaves neither its operation nor its revision."""
    await keep(store, new())
    second = updated(new(), "Demo.second")
    with pytest.raises(Conflict):
        await store.commit(acceptance_of(second))
    assert await store.read_operation(second.key, "Demo.second") is None
    assert await rows.get("t1:demo", "rev:Demo.1:9999999997") is None


async def test_of_many_writers_one_wins(store: RegistryStore) -> None:
    """However many replace the same version at once, exactly one succeeds and all others conflict."""
    version = await keep(store, new())
    outcomes = await asyncio.gather(
        *(keep(store, updated(new(), f"Demo.w{number}"), version) for number in range(8)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, str) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 7


async def test_an_operation_outlives_its_registry(store: RegistryStore) -> None:
    """After the registry is removed its operations can still be read, the last one with its end."""
    version = await keep(store, new())
    removal = removal_of(new(), version)
    assert await store.commit(removal) is None
    assert await store.read(new().key) is None
    assert await store.read_operation(new().key, "Demo.1") == removal.operations[0]
    assert await names_of(store, "t1") == []


async def test_a_removal_with_a_stale_version_is_a_conflict(store: RegistryStore) -> None:
    """A registry that changed since it was read is not removed, and its operation is not ended."""
    stale = await keep(store, new())
    await keep(store, updated(new()), stale)
    with pytest.raises(Conflict):
        await store.commit(removal_of(new(), stale))
    assert await store.read(new().key) is not None
    assert await store.read_operation(new().key, "Demo.1") == updated(new()).operation


async def test_a_removed_registry_cannot_be_replaced_but_created_again(store: RegistryStore) -> None:
    """Replacing or removing what is gone is a conflict; a new creation is not."""
    version = await keep(store, new())
    await store.commit(removal_of(new(), version))
    with pytest.raises(Conflict):
        await keep(store, updated(new()), version)
    with pytest.raises(Conflict):
        await store.commit(removal_of(new(), version))
    again = new().model_copy(update={"incarnation": "Demo.9"})
    assert await keep(store, again) != version


async def test_a_removal_names_a_version(store: RegistryStore) -> None:
    """A commit without registry and without version asks for nothing, and is refused."""
    with pytest.raises(ValueError, match="which version"):
        await store.commit(Commit(key=new().key, registry=None, replaces=None))


async def test_an_operation_is_found_by_its_own_id_only(store: RegistryStore) -> None:
    """Ids with characters that keys may not hold are unknown, not errors."""
    await keep(store, new())
    for operation_id in ["Demo.2", "demo.1", "Demo.1/x", "a?b#c\\d\n", "../registry", "", "%2F", "'"]:
        assert await store.read_operation(new().key, operation_id) is None


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_a_list_is_in_the_order_of_keys_whatever_the_page(store: RegistryStore, limit: int) -> None:
    """All registries come once, in the order of their lower-cased names, whatever the size of the pages."""
    for name in ["beta", "Alpha-2", "Alpha_2", "alpha0", "Zeta"]:
        await keep(store, new(name))
    assert await names_of(store, "t1", limit) == ["Alpha-2", "alpha0", "Alpha_2", "beta", "Zeta"]


async def test_the_last_page_has_no_continuation(store: RegistryStore) -> None:
    """A page that holds the rest of the list says that it does."""
    for name in ["aa", "bb"]:
        await keep(store, new(name))
    assert (await store.list("t1", 1, None)).continuation is not None
    assert (await store.list("t1", 100, None)).continuation is None


async def test_a_continuation_survives_the_registry_it_points_at(store: RegistryStore) -> None:
    """Removing registries between two pages skips and repeats nothing that is still there."""
    versions = {name: await keep(store, new(name)) for name in ["aa", "bb", "cc"]}
    page = await store.list("t1", 1, None)
    await store.commit(removal_of(new("bb"), versions["bb"]))
    rest = await store.list("t1", 100, page.continuation)
    assert [registry.spec.name for registry in rest.items] == ["cc"]


TENANTS = ["t1", "t10", "t", "t1:demo", "t1;", "t1:", "T1", "t1/x", "tä", "t1=3A", "t1%3A", "o'neil", "a b"]


async def test_tenants_do_not_see_each_other(store: RegistryStore) -> None:
    """Whatever tenants are called, each one finds its own registry and no other's."""
    for tenant in TENANTS:
        await keep(store, new("Demo", tenant))
    for tenant in TENANTS:
        stored = await store.read(RegistryKey.of(tenant, "Demo"))
        assert stored is not None
        assert stored.registry.tenant == tenant
        page = await store.list(tenant, 100, None)
        assert [registry.tenant for registry in page.items] == [tenant]


async def test_a_continuation_is_for_its_tenant(store: RegistryStore) -> None:
    """A continuation that another list was given is refused."""
    for tenant in ["t1", "t2"]:
        for name in ["aa", "bb"]:
            await keep(store, new(name, tenant))
    given = (await store.list("t2", 1, None)).continuation
    with pytest.raises(ValueError, match="another list"):
        await store.list("t1", 1, given)


GARBAGE = [
    "",
    "x",
    "é",
    "null",
    "{}",
    "[" * 10_000,
    '["t1:registry"]',
    '["t1:registry",1,"x"]',
    '["t1:registry","t1:a",2]',
]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_continuation_that_was_not_given_is_refused(store: RegistryStore, garbage: str) -> None:
    """Garbage is told as such; it neither begins the list anew nor breaks the store."""
    with pytest.raises(ValueError, match="continuation"):
        await store.list("t1", 10, garbage)


async def test_a_row_of_another_make_is_told_apart_from_a_wrong_request(store: RegistryStore, rows: Rows) -> None:
    """A row that cannot be read is an error of its own, never a `ValueError`, and names where it is."""
    await rows.transact("t1:demo", [Upsert("registry", message().model_dump_json())])
    with pytest.raises(UnreadableError, match="t1:demo"):
        await store.read(RegistryKey.of("t1", "demo"))
    assert not issubclass(UnreadableError, ValueError)


async def test_the_resync_begins_anew_where_nobody_can_tell_how_far_it_has_come(
    store: RegistryStore, rows: Rows
) -> None:
    """A note that cannot be read must not stop the safety net of all registries."""
    await store.keep_progress(Progress(net="somewhere"))
    await rows.transact("=resync", [Upsert("progress", "garbage")])

    assert await store.read_progress() == Progress()


async def test_what_a_request_led_to_is_kept_once(store: RegistryStore) -> None:
    """Whoever comes second conflicts, whether it would change something or not, and what is kept stays as it was."""
    registry = new()
    problem = Problem(Code.INVALID_VALUE, "No.", ("tags", "a", 0), line=1, column=2)
    refused = Replay(idempotency_key="k1", problems=(problem,), expires_at=NOW)
    changed = Replay(idempotency_key="k2", registry=registry, created=True, changed=True, expires_at=NOW)
    await store.keep(registry.key, refused)
    with pytest.raises(Conflict):
        await store.commit(replace(acceptance_of(registry), replay=replace_key(changed, "k1")))
    assert await store.read(registry.key) is None
    await store.commit(replace(acceptance_of(registry), replay=changed))
    with pytest.raises(Conflict):
        await store.keep(registry.key, replace_key(refused, "k2"))

    assert await store.read_replay(registry.key, "k1") == refused
    assert await store.read_replay(registry.key, "k2") == changed
    assert await store.read_replay(RegistryKey("t2", "demo"), "k1") is None


def replace_key(replay: Replay, key: str) -> Replay:
    """Return what another request led to."""
    return replay.model_copy(update={"idempotency_key": key})


async def test_an_idempotency_key_belongs_to_its_first_use_until_that_expires(store: RegistryStore) -> None:
    """Who claims a key first has it; to read a claim makes none; after its time the key is free."""
    first = Claim(fingerprint="one", expires_at=NOW + timedelta(hours=1))
    second = Claim(fingerprint="two", expires_at=NOW + timedelta(hours=3))

    assert await store.read_claim("t1", "key", NOW) is None
    assert await store.claim("t1", "key", first, NOW) == first
    assert await store.claim("t1", "key", second, NOW) == first
    assert await store.read_claim("t1", "key", NOW) == first
    assert await store.read_claim("t2", "key", NOW) is None
    assert await store.read_claim("t1", "key", first.expires_at) is None
    assert await store.claim("t1", "key", second, first.expires_at) == second
    assert (await store.list("t1", 10, None)).items == []


def event_of(registry: Registry, sequence: int) -> Event:
    """Return something that happened to a registry."""
    return Event(
        incarnation=registry.incarnation,
        sequence=sequence,
        registry=registry.spec.name,
        scope=registry.scope,
        time=NOW,
        type=EventType.REQUEST_ACCEPTED,
        operation=registry.operation.id,
        operation_kind=registry.operation.kind,
        generation=registry.generation,
        actor="ada@example.com",
        actor_type="User",
    )


async def test_events_are_listed_from_the_newest_and_outlive_their_registry(store: RegistryStore) -> None:
    """What happened is there page by page, in the same transaction as the change, and is never written twice."""
    registry = new()
    events = [event_of(registry, sequence) for sequence in range(1, 13)]
    version = await store.commit(replace(acceptance_of(registry), events=events))
    assert version is not None
    with pytest.raises(Conflict):
        await store.commit(replace(removal_of(registry, version), events=[events[-1]]))
    await store.commit(removal_of(registry, version))

    first = await store.list_events(registry.key, 10, None)
    assert [event.sequence for event in first.items] == [*range(12, 2, -1)]
    second = await store.list_events(registry.key, 10, first.continuation)
    assert (second.items, second.continuation) == (events[1::-1], None)


async def test_the_walk_passes_every_registry_of_every_tenant(store: RegistryStore, rows: Rows) -> None:
    """Page by page, with the versions that commits need; a row that cannot be read is passed over."""
    registries = [new(name, tenant) for tenant in ["a", "Z-9", "~", "tenant with blanks"] for name in ["One", "two"]]
    versions = {registry.key: await keep(store, registry) for registry in registries}
    await rows.transact("m:broken", [Upsert("registry", "{}")])
    await store.claim("a", "key", Claim(fingerprint="x", expires_at=NOW), NOW)
    seen: dict[RegistryKey, str] = {}
    continuation: str | None = None
    while True:
        page = await store.walk(3, continuation)
        seen |= {stored.registry.key: stored.version for stored in page.items}
        continuation = page.continuation
        if continuation is None:
            break

    assert seen == versions
    with pytest.raises(ValueError, match="continuation"):
        await store.walk(3, "nothing")


async def test_the_sweep_removes_what_nobody_needs_any_more(store: RegistryStore, rows: Rows) -> None:
    """Ended operations, answers and claims go when their time is over; registries and what is unknown stay."""
    registry, gone = new(), new("Gone")
    ended = registry.operation.model_copy(update={"end_time": NOW, "status": OperationStatus.SUCCEEDED})
    replay = Replay(idempotency_key="k", registry=registry, expires_at=NOW)
    kept = replace(acceptance_of(registry), events=[event_of(registry, 1)], replay=replay)
    await store.commit(replace(kept, operations=[ended, new("x1").operation]))
    await store.commit(removal_of(gone, await keep(store, gone)))
    await store.claim("t1", "old", Claim(fingerprint="x", expires_at=NOW + timedelta(days=1)), NOW)
    await rows.transact("t1:demo", [Upsert("op:broken", "{}"), Upsert("something:else", "x")])
    revision = revision_of(new("Broken")).model_dump_json()
    await rows.transact("t1:broken", [Upsert("registry", "{}"), Upsert("rev:Broken.1:9999999998", revision)])
    await store.quarantine("id-1", b"?", NOW)

    async def keys_after(days: float) -> set[str]:
        continuation: str | None = None
        while continuation := await store.sweep(2, continuation, NOW + timedelta(days=days)):
            pass
        return {f"{row.partition}/{row.key}" for row in (await rows.walk(100, None)).rows}

    assert not [key for key in await keys_after(2) if "claim" in key or "idem" in key]
    assert {"t1:demo/op:Demo.1", "t1:gone/rev:Gone.1:9999999998"} <= await keys_after(29)
    assert await keys_after(31) == {
        "=quarantine/message:id-1",
        "t1:broken/registry",
        "t1:broken/rev:Broken.1:9999999998",
        "t1:demo/event:Demo.1:9999999998",
        "t1:demo/op:broken",
        "t1:demo/op:x1.1",
        "t1:demo/registry",
        "t1:demo/rev:Demo.1:9999999998",
        "t1:demo/something:else",
        "t1:demo/view",
    }
    assert not {"=quarantine/message:id-1", "t1:demo/event:Demo.1:9999999998"} & await keys_after(401)


async def test_revisions_outlive_their_registry_for_a_month(store: RegistryStore, rows: Rows) -> None:
    """However long a registry was there, what it was is known for thirty days after its end."""
    registry = new()
    version = await keep(store, registry)
    end = event_of(registry, 2).model_copy(update={"time": NOW + timedelta(days=500)})
    await store.commit(replace(removal_of(registry, version), events=[end]))

    async def revisions_after(days: float) -> int:
        while await store.sweep(100, None, NOW + timedelta(days=days)) is not None:
            pass
        return sum(row.key.startswith("rev:") for row in (await rows.walk(100, None)).rows)

    assert await revisions_after(529) == 1
    assert await revisions_after(530) == 0


async def test_progress_is_remembered(store: RegistryStore) -> None:
    """The resync goes on where it was."""
    assert await store.read_progress() == Progress()
    await store.keep_progress(Progress(net="here", checks="there"))
    assert await store.read_progress() == Progress(net="here", checks="there")


async def test_a_message_in_quarantine_is_kept_as_it_was(store: RegistryStore, rows: Rows) -> None:
    """Whatever bytes it has, with their hash, under the message's id, and in no list."""
    await store.quarantine("id-1", b"\xff\x00{", NOW)

    row = await rows.get("=quarantine", "message:id-1")
    assert row is not None
    kept = Quarantined.model_validate_json(row.text)
    assert (kept.content, kept.size, kept.sha256[:8]) == (b"\xff\x00{", 3, "b63c6c74")
    assert (await store.walk(10, None)).items == []
