"""What somebody may have meant who wrote something that is not known."""

from collections.abc import Iterable


def similar(given: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Return up to so many of the known words that look like what was given, best first."""
    from difflib import get_close_matches  # noqa: PLC0415 - a start makes no mistakes

    return get_close_matches(given, list(known), n=most)
