"""The kinds of rows by the beginnings of their keys, how a key is written, and how a row is read."""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from registry_api.domain.record import Record
from registry_api.domain.registry import RegistryKey
from registry_api.domain.spec import STORED
from registry_api.service.views import View
from registry_api.storage.rows import Row

REGISTRY = "registry"
VIEW = "view"
OPERATION = "op:"
REVISION = "rev:"
EVENT = "event:"
REPLAY = "idem:"
CLAIM = "claim"
CURSOR = "cursor:"
OUTSTANDING = "outbox:"
UNDELIVERED = "undelivered:"
QUARANTINED = "message:"

FIRST_PARTITION, LAST_PARTITION = " ", "~~"
LAST_NUMBER = 9_999_999_999

_T = TypeVar("_T")
_Record = TypeVar("_Record", bound=BaseModel)

_log = logging.getLogger(__name__)


class Quarantined(Record):
    """A message that cannot be read."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    time: datetime
    size: int
    sha256: str
    content: bytes


class UnreadableRowError(Exception):
    """A row does not hold what its key says. It is not a `ValueError`: no caller asked for it wrongly."""


@lru_cache(maxsize=1024)
def escape(text: str) -> str:
    """Return a text without the characters that keys may not hold, or that delimit their parts."""
    return quote(text, safe="").replace("%", "=")


def partition_of(key: RegistryKey) -> str:
    """Return the partition that all rows of a registry share."""
    return f"{escape(key.tenant)}:{escape(key.name)}"


def event_key(incarnation: str, sequence: int) -> str:
    """Return a key by which the newest event of the newest incarnation is the first."""
    return f"{EVENT}{escape(incarnation)}:{LAST_NUMBER - sequence:010d}"


def end_of(prefix: str) -> str:
    """Return the first key after those that begin with a prefix that ends in a colon."""
    return prefix.removesuffix(":") + ";"


def parse(model: type[_Record], row: Row) -> _Record:
    """Return what a row holds.

    Raises:
        UnreadableRowError: If that is something else.
    """
    try:
        return model.model_validate_json(row.text, context=STORED)
    except ValidationError as error:
        raise UnreadableRowError(f"Row '{row.key}' of '{row.partition}' is no {model.__name__}.") from error


def parse_view(row: Row) -> View:
    """Return the view that a row holds.

    Raises:
        UnreadableRowError: If it is something else.
    """
    try:
        return View.parse(row.text)
    except ValueError as error:
        raise UnreadableRowError(f"Row '{row.key}' of '{row.partition}' is no view.") from error


def readable(read: Callable[[Row], _T], rows: Iterable[Row]) -> Iterator[_T]:
    """Yield what rows hold. One that cannot be read is left out: it must not hide the others."""
    for row in rows:
        try:
            found = read(row)
        except UnreadableRowError:
            _log.exception("A row cannot be read, and is left out.")
        else:
            yield found
