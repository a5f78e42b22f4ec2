"""Rows that hold records, and pages of them."""

from datetime import datetime
from functools import partial
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from registry_api.domain.record import Record
from registry_api.domain.spec import STORED
from registry_api.service.ports import Page, UnreadableError
from registry_api.storage.paging import following
from registry_api.storage.rows import Row, Slice, readable

_Record = TypeVar("_Record", bound=BaseModel)


class Quarantined(Record):
    """A message that cannot be read."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    time: datetime
    size: int
    sha256: str
    content: bytes


def parse(model: type[_Record], row: Row) -> _Record:
    """Return what a row holds.

    Raises:
        UnreadableError: If that is something else.
    """
    try:
        return model.model_validate_json(row.text, context=STORED)
    except ValidationError as error:
        raise UnreadableError(f"Row '{row.key}' of '{row.partition}' is no {model.__name__}.") from error


def page_of(model: type[_Record], found: Slice, scope: str) -> Page[_Record]:
    """Return the records of a list that rows hold."""
    return Page([*readable(partial(parse, model), found.rows)], following(found, scope))
