"""The texts by which the next page of a list is asked for."""

import json

from registry_api.service.ports import ContinuationError
from registry_api.storage.rows import Position, Slice


def position_in(continuation: str | None, scope: str) -> Position | None:
    """Return where a list goes on, None at its beginning.

    Args:
        continuation: The text that the page before gave, None for the first page.
        scope: What is listed.

    Raises:
        ContinuationError: If the text was not given for this list.
    """
    if continuation is None:
        return None
    try:
        found = json.loads(continuation)
    except (ValueError, RecursionError):
        found = None
    match found:
        case [str(listed), str(partition), str() | None as key]:
            if listed != scope:
                raise ContinuationError("The continuation was given for another list.")
            return Position(partition, key)
    raise ContinuationError("The continuation is none that a list has given.")


def following(found: Slice, scope: str) -> str | None:
    """Return the text by which the next page of a list is asked for, None after the last one."""
    return json.dumps([scope, *found.next]) if found.next else None
