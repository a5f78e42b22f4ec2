"""What the store relies on rows for."""

import pytest

from registry_api.service.ports import Conflict
from registry_api.storage.rows import Delete, Insert, Position, Replace, Rows, Upsert, Write

PARTITION = "t1:demo"


async def insert(rows: Rows, key: str = "registry", text: str = "one", partition: str = PARTITION) -> str:
    """Write a new row and return its version."""
    (version,) = await rows.transact(partition, [Insert(key, text)])
    assert version is not None
    return version


async def text_of(rows: Rows, key: str = "registry") -> str | None:
    """Return what a row holds, or None."""
    row = await rows.get(PARTITION, key)
    return None if row is None else row.text


async def test_a_table_nobody_wrote_to_is_empty(rows: Rows) -> None:
    """Reading before the first write finds nothing, and is no error."""
    assert await rows.get(PARTITION, "registry") is None
    found = await rows.scan("t1:", "t1;", "registry", 10, None)
    assert (list(found.rows), found.next) == ([], None)


async def test_the_version_of_a_write_is_the_version_that_is_read(rows: Rows) -> None:
    """Writers need no extra read to write again: insert, replace and upsert return what a read would."""
    inserted = await insert(rows)
    row = await rows.get(PARTITION, "registry")
    assert row is not None
    assert (row.partition, row.key, row.text, row.version) == (PARTITION, "registry", "one", inserted)

    (replaced,) = await rows.transact(PARTITION, [Replace("registry", "two", inserted)])
    (upserted,) = await rows.transact(PARTITION, [Upsert("registry", "three")])
    row = await rows.get(PARTITION, "registry")
    assert row is not None
    assert (row.text, row.version) == ("three", upserted)
    assert len({inserted, replaced, upserted}) == 3


async def test_a_removed_row_is_gone_and_has_no_version(rows: Rows) -> None:
    """A delete with the newest version removes the row."""
    version = await insert(rows)
    assert await rows.transact(PARTITION, [Delete("registry", version)]) == [None]
    assert await text_of(rows) is None


@pytest.mark.parametrize("is_there", [True, False], ids=["stale", "absent"])
@pytest.mark.parametrize("kind", [Replace, Delete])
async def test_only_the_version_that_was_read_is_changed(
    rows: Rows, kind: type[Replace | Delete], *, is_there: bool
) -> None:
    """Replacing or removing a row that has changed since, or is gone, is a conflict and changes nothing."""
    stale = await insert(rows)
    if is_there:
        await rows.transact(PARTITION, [Replace("registry", "newer", stale)])
    else:
        await rows.transact(PARTITION, [Delete("registry", stale)])
    write = Delete("registry", stale) if kind is Delete else Replace("registry", "mine", stale)
    with pytest.raises(Conflict):
        await rows.transact(PARTITION, [write])
    assert await text_of(rows) == ("newer" if is_there else None)


async def test_a_row_is_inserted_once(rows: Rows) -> None:
    """Inserting a row that is there is a conflict and changes nothing."""
    await insert(rows)
    with pytest.raises(Conflict):
        await rows.transact(PARTITION, [Insert("registry", "two")])
    assert await text_of(rows) == "one"


@pytest.mark.parametrize("position", [0, 1, 2])
async def test_one_failing_write_leaves_nothing(rows: Rows, position: int) -> None:
    """Wherever in a transaction the conflict is, no other write of it is done."""
    await insert(rows, "there")
    writes = [Upsert("op:1", "x"), Upsert("op:2", "x")]
    with pytest.raises(Conflict):
        await rows.transact(PARTITION, [*writes[:position], Insert("there", "two"), *writes[position:]])
    assert await text_of(rows, "op:1") is None
    assert await text_of(rows, "op:2") is None
    assert await text_of(rows, "there") == "one"


async def test_a_row_is_written_once_per_transaction(rows: Rows) -> None:
    """Two writes to one row are a fault of the program, not a conflict."""
    with pytest.raises(ValueError, match=r"."):
        await rows.transact(PARTITION, [Upsert("op:1", "x"), Upsert("op:1", "y")])
    assert await text_of(rows, "op:1") is None


LARGE = "x" * 780_000
"""Almost as much as a row holds: it is sent in base 64."""


@pytest.mark.parametrize(
    "writes",
    [
        [],
        [Upsert(f"op:{number}", "x") for number in range(101)],
        [Upsert("op:1", "x" * 786_432)],
        [Upsert("op:1", "\U0001f5fa" * 196_608)],
        [Upsert(f"op:{number}", LARGE) for number in range(5)],
        [Upsert(f"op:{number}", "é" * 64_000) for number in range(11)],
        *([Upsert(f"op:{one}", "x")] for one in ("a/b", "a\\b", "a#b", "a?b", "a\tb", "a\x7fb", "a" * 510)),
    ],
    ids=["none", "101", "row", "row-of-pairs", "transaction", "escapes", "/", "\\", "#", "?", "tab", "delete", "long"],
)
async def test_what_azure_takes_for_no_transaction_is_refused(rows: Rows, writes: list[Write]) -> None:
    """Too many or too large writes, and keys that cannot be, are a fault of the program, and leave nothing."""
    await insert(rows)
    with pytest.raises(ValueError, match=r"A (transaction|row|key) has "):
        await rows.transact(PARTITION, writes)
    assert [row.key for row in (await rows.walk(10, None)).rows] == ["registry"]


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
@pytest.mark.parametrize(
    "writes",
    [
        [Upsert(f"op:{number}", "x") for number in range(100)],
        [Upsert("op:1", LARGE)],
        [Upsert(f"op:{number}", LARGE) for number in range(4)],
    ],
    ids=["writes", "row", "transaction"],
)
async def test_what_azure_takes_for_a_transaction_is_one(rows: Rows, writes: list[Upsert]) -> None:
    """Within the limits everything is written: they are no tighter than they have to be."""
    await rows.transact(PARTITION, writes)
    assert await text_of(rows, writes[-1].key) == writes[-1].text


@pytest.mark.parametrize("length", [0, 1, 15_999, 16_000, 16_001, 32_000, 64_000, 64_001, 240_000])
async def test_any_text_comes_back_as_it_was(rows: Rows, length: int) -> None:
    """Text of any length and script, also with characters of two UTF-16 units, survives."""
    text = ('🗺"\\\r\n é%' * (length // 8 + 1))[:length]
    await insert(rows, text=text)
    assert await text_of(rows) == text


async def test_a_shorter_text_leaves_nothing_of_a_longer_one(rows: Rows) -> None:
    """Replacing does not merge."""
    version = await insert(rows, text="x" * 50_000)
    await rows.transact(PARTITION, [Replace("registry", "short", version)])
    assert await text_of(rows) == "short"
    await rows.transact(PARTITION, [Upsert("registry", "x" * 50_000)])
    await rows.transact(PARTITION, [Upsert("registry", "shorter")])
    assert await text_of(rows) == "shorter"
    await rows.transact(PARTITION, [Upsert("registry", "x" * 100_000)])
    await rows.transact(PARTITION, [Upsert("registry", "shortest")])
    assert await text_of(rows) == "shortest"


async def test_a_scan_is_in_order_within_its_range_and_its_key(rows: Rows) -> None:
    """A scan returns the rows with its key from its range only, by partition, page by page."""
    inside = ["t1:a", "t1:a-b", "t1:a0", "t1:a_b", "t1:ab", "t1:b"]
    for partition in [*reversed(inside), "t1", "t10:a", "t1;", "t2:a", "t:a"]:
        await insert(rows, partition=partition)
        await insert(rows, "op:1", partition=partition)
    found: list[str] = []
    start: Position | None = None
    while True:
        part = await rows.scan("t1:", "t1;", "registry", 4, start)
        assert len(part.rows) <= 4
        found += [row.partition for row in part.rows]
        start = part.next
        if start is None:
            break
    assert found == inside


async def test_a_scan_never_leaves_its_range(rows: Rows) -> None:
    """A position from another range gives rows of this range, or none, but never others."""
    for partition in ["t1:a", "t1:b", "t2:a", "t2:b"]:
        await insert(rows, partition=partition)
    foreign = (await rows.scan("t2:", "t2;", "registry", 1, None)).next
    assert foreign is not None
    found = await rows.scan("t1:", "t1;", "registry", 10, foreign)
    assert {row.partition for row in found.rows} <= {"t1:a", "t1:b"}
