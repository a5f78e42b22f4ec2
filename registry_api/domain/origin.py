"""Where a request came from."""

from typing import NamedTuple


class Origin(NamedTuple):
    """Where a request came from, as far as it is known."""

    request_id: str | None = None
    address: str | None = None


NOWHERE = Origin()
