"""What readers rely on the views for, on every kind of rows."""

import pytest

from registry_api.domain.names import RegistryKey
from registry_api.service.ports import UnreadableError
from registry_api.service.records import Stored
from registry_api.service.showing import view_of
from registry_api.service.views import content_of
from registry_api.storage.rows import ANY_VERSION, Delete, Rows, Upsert
from registry_api.storage.store import RegistryStore
from registry_api.storage.views import RegistryViews
from tests.contract.records import acceptance_of, keep, new, removal_of, updated


async def test_what_callers_read_is_kept_with_the_registry(store: RegistryStore, views: RegistryViews) -> None:
    """A view is that of the registry, after every change, and goes with it; a list has those of all, in order."""
    one, other = new("Demo"), new("Later")
    assert (await views.read(one.key), (await views.list("t1", 9, None)).items) == (None, [])

    version = await keep(store, one)
    await keep(store, other)
    changed = updated(one)
    version = await keep(store, changed, version)
    assert await views.read(one.key) == view_of(changed)
    page = await views.list("t1", 1, None)
    rest = await views.list("t1", 1, page.continuation)
    assert (page.items, rest.items, rest.continuation) == ([view_of(changed)], [view_of(other)], None)
    with pytest.raises(ValueError, match="another list"):
        await store.list("t1", 1, page.continuation)

    await store.commit(removal_of(changed, version))
    assert await views.read(one.key) is None
    assert (await views.list("t1", 9, None)).items == [view_of(other)]


async def test_a_row_that_cannot_be_read_hides_no_other(store: RegistryStore, views: RegistryViews, rows: Rows) -> None:
    """Lists leave out what somebody else has written."""
    first = new("First")
    await store.commit(acceptance_of(first))
    await rows.transact("t1:first", [Upsert("event:x", "garbage")])
    await rows.transact("t1:third", [Upsert("registry", "garbage"), Upsert("view", "garbage")])

    assert [content_of(view)["name"] for view in (await views.list("t1", 10, None)).items] == ["First"]
    assert [one.spec.name for one in (await store.list("t1", 10, None)).items] == ["First"]
    assert (await store.list_events(first.key, 10, None)).items == []
    for reader in (views, store):
        with pytest.raises(UnreadableError, match="'registry' of 't1:third'"):
            await reader.read(RegistryKey.of("t1", "third"))


OTHER = view_of(new("Other"))
_DEMO = OTHER.replace("Other", "Demo")
DAMAGED = {
    "no view": "garbage",
    "no id": _DEMO.replace('"id"', '"name"', 1),
    "an id of something else": _DEMO.replace("/registries/", "/workspaces/", 1),
    "an id that cannot be": _DEMO.replace("rg1", "rg 1", 1),
    "half an id": _DEMO.replace("/resourceGroups/", "/", 1),
    "an id of something else, in words like it": _DEMO.replace("/registries/", "/workspaces/", 1).replace(
        "{}", '{"/providers/Microsoft.MachineLearningServices/registries/":"x"}', 1
    ),
    "no tag": _DEMO[: _DEMO.rindex(',"etag"')] + "}",
    "a tag by another name": _DEMO.replace('"etag"', '"etat"'),
    "half of a tag": _DEMO[:-8] + _DEMO[-4:],
    "JSON to an end like its own": _DEMO[: _DEMO.rindex(',"etag"')] + ',"a":"\\"b\\""}',
    "half of its JSON": _DEMO[: _DEMO.rindex("}")],
    "JSON to an inner end": _DEMO[: _DEMO.index("}") + 1],
    "half a character": _DEMO.replace("}", '"\ud800"}', 1),
}


@pytest.mark.parametrize("damage", DAMAGED)
async def test_instead_of_a_damaged_view_the_record_is_shown(
    store: RegistryStore, views: RegistryViews, rows: Rows, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever reads it, or a list with it, sees what the record says; the log tells, and to read writes nothing."""
    registry = new("Demo")
    version = await store.commit(acceptance_of(registry))
    await rows.transact("t1:demo", [Upsert("view", DAMAGED[damage])])

    assert await views.read(registry.key) == view_of(registry)
    assert (await views.list("t1", 1, None)).items == [view_of(registry)]
    assert caplog.text.count("is not its view") == 2
    assert await store.read(registry.key) == Stored(registry, version or "")


async def test_the_view_of_another_registry_is_not_shown(
    store: RegistryStore, views: RegistryViews, rows: Rows
) -> None:
    """Who asks for one registry by its name gets no other one, whoever has put it there."""
    registry = new("Demo")
    await store.commit(acceptance_of(registry))
    await rows.transact("t1:demo", [Upsert("view", OTHER)])

    assert await views.read(registry.key) == view_of(registry)
    assert (await views.list("t1", 9, None)).items == [view_of(registry)]


async def test_a_record_of_another_registry_is_not_shown(
    store: RegistryStore, views: RegistryViews, rows: Rows
) -> None:
    """Whoever has put it there: it is not what was asked for."""
    await rows.transact("t1:demo", [Upsert("registry", new("Other").model_dump_json()), Upsert("view", "garbage")])

    for reader in (views, store):
        with pytest.raises(UnreadableError, match="'registry' of 't1:demo' is of another registry"):
            await reader.read(RegistryKey.of("t1", "demo"))
    for page in (await views.list("t1", 9, None), await store.list("t1", 9, None), await store.walk(9, None)):
        assert page.items == []


async def test_a_record_of_a_scope_that_cannot_be_is_none(
    store: RegistryStore, views: RegistryViews, rows: Rows
) -> None:
    """It would break the ids that are made of it: it hides no other one, and is told as what cannot be read."""
    other = new("Other")
    await store.commit(acceptance_of(other))
    for wrong in ("a/b", "", "a b"):
        text = new("Demo").model_dump_json().replace('"resource_group":"rg1"', f'"resource_group":"{wrong}"')
        await rows.transact("t1:demo", [Upsert("registry", text), Upsert("view", "garbage")])
        with pytest.raises(UnreadableError, match="t1:demo"):
            await views.read(RegistryKey.of("t1", "demo"))
        assert (await views.list("t1", 9, None)).items == [view_of(other)]
        assert [one.spec.name for one in (await store.list("t1", 9, None)).items] == ["Other"]


async def test_a_registry_without_its_view_is_there(store: RegistryStore, views: RegistryViews, rows: Rows) -> None:
    """What callers see of it is made of its record, as of one that an earlier build has written."""
    registry = new()
    await store.commit(acceptance_of(registry))
    await rows.transact("t1:demo", [Delete("view", ANY_VERSION)])

    assert await views.read(registry.key) == view_of(registry)
    assert await views.read(RegistryKey.of("t1", "never")) is None
