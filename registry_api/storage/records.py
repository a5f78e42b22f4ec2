"""The kinds of rows by the beginnings of their keys, and how a row is read."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from registry_api.domain.spec import STORED
from registry_api.storage.rows import Row

REGISTRY = "registry"
OPERATION = "op:"
REVISION = "rev:"
EVENT = "event:"
REPLAY = "idem:"
CLAIM = "claim"

_Record = TypeVar("_Record", bound=BaseModel)


class UnreadableRowError(Exception):
    """A row does not hold what its key says. It is not a `ValueError`: no caller asked for it wrongly."""


def parse(model: type[_Record], row: Row) -> _Record:
    """Return what a row holds.

    Raises:
        UnreadableRowError: If that is something else.
    """
    try:
        return model.model_validate_json(row.text, context=STORED)
    except ValidationError as error:
        raise UnreadableRowError(f"Row '{row.key}' of '{row.partition}' is no {model.__name__}.") from error
