"""The texts by which the next page of a list is asked for."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from pydantic import ConfigDict

from registry_api.domain.record import Record
from registry_api.storage.rows import Position, Slice


class Continuation(Record):
    """Where the next page of a list begins."""

    model_config = ConfigDict(extra="forbid")

    scope: str  # what is listed
    position: Position

    @classmethod
    def decode(cls, text: str | None, scope: str) -> Position | None:
        """Return where a list goes on, None at its beginning.

        Raises:
            ValueError: If the text was not given for this list.
        """
        if text is None:
            return None
        try:
            padding = "=" * (-len(text) % 4)
            continuation = cls.model_validate_json(urlsafe_b64decode(text + padding))
        except ValueError as error:
            raise ValueError("The continuation is none that a list has given.") from error
        if continuation.scope != scope:
            raise ValueError("The continuation was given for another list.")
        return continuation.position

    def encode(self) -> str:
        """Return it as text."""
        return urlsafe_b64encode(self.model_dump_json().encode()).decode().rstrip("=")


def following(found: Slice, scope: str) -> str | None:
    """Return the text by which the next page of a list is asked for, None after the last one."""
    return Continuation(scope=scope, position=found.next).encode() if found.next else None
