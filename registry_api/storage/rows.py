"""Rows of text in partitions: what the store needs of a table, and no more."""

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from registry_api.service.ports import UnreadableError

MOST_WRITES = 100
MOST_BYTES_OF_A_ROW = 2**20
MOST_BYTES_OF_A_TRANSACTION = 4 * 2**20
LONGEST_KEY = 512
_LONGEST_TO_READ = 64_000  # characters of a text that is stored as such

# What Azure counts beside the text: the names and lengths of columns, and the headers of each write.
_BYTES_OF_COLUMNS = 2048
_BYTES_AROUND_A_WRITE = 4096
_MOST_BYTES_OF_A_CHARACTER = 12  # two escapes in JSON
_FORBIDDEN_IN_A_KEY = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


class Row(NamedTuple):
    """A row as it was read. `version` changes with every write."""

    partition: str
    key: str
    text: str
    version: str


def readable(read: Callable[[Row], _T], rows: Iterable[Row]) -> Iterator[_T]:
    """Yield what rows hold. One that cannot be read is left out: it must not hide the others."""
    for row in rows:
        try:
            found = read(row)
        except UnreadableError:
            _log.exception("A row cannot be read, and is left out.")
        else:
            yield found


class Insert(NamedTuple):
    """Writes a row that is not there yet."""

    key: str
    text: str


class Replace(NamedTuple):
    """Writes a row that is there in this version."""

    key: str
    text: str
    version: str


class Upsert(NamedTuple):
    """Writes a row, whether or not it is there."""

    key: str
    text: str


ANY_VERSION = "*"


class Delete(NamedTuple):
    """Removes a row that is there in this version, which may be `ANY_VERSION`."""

    key: str
    version: str


Write = Insert | Replace | Upsert | Delete


def stored(text: str) -> str | bytes:
    """Return a text as it is stored: for people to read, of which Azure counts 16 bits each, or in half the space."""
    return text if len(text) <= _LONGEST_TO_READ else text.encode("utf-8", "surrogatepass")


def check(partition: str, writes: Sequence[Write]) -> None:
    """Do nothing, unless these writes can be no transaction by the rules of Azure, which its emulator keeps in part.

    Raises:
        ValueError: If they cannot; it says why and repeats nothing of what is written.
    """
    keys = [write.key for write in writes]
    if not 1 <= len(writes) <= MOST_WRITES:
        raise ValueError(f"A transaction has 1 to {MOST_WRITES} writes, not {len(writes)}.")
    if len({*keys}) != len(keys):
        raise ValueError("A transaction writes a row once.")
    for key in (partition, *keys):
        if len(key) > LONGEST_KEY or _FORBIDDEN_IN_A_KEY.search(key):
            raise ValueError(f"A key has {LONGEST_KEY} characters at most, none of which is /, \\, #, ? or a control.")
    texts = ["" if isinstance(write, Delete) else write.text for write in writes]
    if _MOST_BYTES_OF_A_CHARACTER * sum(map(len, texts)) < MOST_BYTES_OF_A_ROW - MOST_WRITES * _BYTES_AROUND_A_WRITE:
        return
    if any(bytes_of_row(partition, key, text) > MOST_BYTES_OF_A_ROW for key, text in zip(keys, texts, strict=True)):
        raise ValueError(f"A row has {MOST_BYTES_OF_A_ROW} bytes at most.")
    if sum(_bytes_of_write(text) for text in texts) > MOST_BYTES_OF_A_TRANSACTION:
        raise ValueError(f"A transaction has {MOST_BYTES_OF_A_TRANSACTION} bytes at most.")


def bytes_of_row(partition: str, key: str, text: str) -> int:
    """Return how many bytes of `MOST_BYTES_OF_A_ROW` a row takes."""
    data = stored(text)
    size = _bytes_in_base_64(data) if isinstance(data, bytes) else len(data.encode("utf-16-le", "surrogatepass"))
    return 2 * (len(partition) + len(key)) + size + _BYTES_OF_COLUMNS


def _bytes_of_write(text: str) -> int:
    data = stored(text)
    size = _bytes_in_base_64(data) if isinstance(data, bytes) else len(json.dumps(data))
    return size + _BYTES_AROUND_A_WRITE


def _bytes_in_base_64(data: bytes) -> int:
    """Return how many bytes are sent. Azure counts those that it keeps, its emulator these."""
    return 4 * (len(data) + 2) // 3


class Position(NamedTuple):
    """Where a scan goes on, in words that only the rows it came from understand."""

    partition: str
    key: str | None


class Slice(NamedTuple):
    """A part of a scan: up to as many rows as asked for, even none, and where it goes on if it does."""

    rows: Sequence[Row]
    next: Position | None


class Rows(Protocol):
    """A table. Every method may raise `StorageUnavailable`; whether a change was made is then unknown."""

    async def get(self, partition: str, key: str) -> Row | None:
        """Return a row, or None."""

    async def transact(self, partition: str, writes: Sequence[Write]) -> Sequence[str | None]:
        """Do all writes or none, and return each row's new version, None for a removed one.

        Args:
            partition: The partition that all rows are in.
            writes: Up to 100 writes, each to another row, within the limits that `check` knows.

        Raises:
            Conflict: If a row is not as a write says.
            ValueError: If the writes cannot be one transaction.
        """

    async def scan(self, first: str, end: str, key: str, limit: int, start: Position | None) -> Slice:
        """Return rows with one key from a range of partitions, in the order of the partitions.

        Args:
            first: The first partition of the range.
            end: The first partition after the range.
            key: The key of the rows.
            limit: How many rows to return at most.
            start: Where an earlier scan ended; None begins at the first partition.

        Raises:
            ContinuationError: If no scan ended at `start`.
        """

    async def walk(self, limit: int, start: Position | None) -> Slice:
        """Return rows of any key from all partitions, in the order of the partitions and then the keys.

        Args:
            limit: How many rows to return at most.
            start: Where an earlier walk ended; None begins at the first row.

        Raises:
            ContinuationError: If no walk ended at `start`.
        """

    async def find(self, prefix: str, limit: int, start: Position | None) -> Slice:
        """Return rows whose keys begin with a prefix that ends in a colon, in the order of the partitions and the keys.

        Args:
            prefix: The beginning of the keys.
            limit: How many rows to return at most.
            start: Where an earlier call ended; None begins at the first partition.

        Raises:
            ContinuationError: If no call ended at `start`.
        """

    async def range(self, partition: str, first: str, end: str, limit: int, start: Position | None) -> Slice:
        """Return rows of one partition from a range of keys, in the order of the keys.

        Args:
            partition: The partition.
            first: The first key of the range.
            end: The first key after the range.
            limit: How many rows to return at most.
            start: Where an earlier call ended; None begins at the first key.

        Raises:
            ContinuationError: If no call ended at `start`.
        """
