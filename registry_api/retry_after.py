"""How long a server wants to be left alone."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def rest_of(retry_after: str, now: datetime) -> timedelta | None:
    """Return what a header `Retry-After` says, seconds or until a date; None if it says nothing (RFC 9110, 10.2.3)."""
    given = retry_after.strip()
    if given.isdecimal():
        return timedelta(seconds=int(given[:9])) or None
    try:
        until = parsedate_to_datetime(given)
    except (ValueError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(until - now, timedelta(0)) or None
