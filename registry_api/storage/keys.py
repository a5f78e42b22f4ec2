"""The kinds of rows by the beginnings of their keys, and how a key is written.

All rows of a registry share a partition, so that one transaction changes them together. The partitions of a
tenant are a range from `tenant:` up to `tenant;`, the character after the colon.
"""

from functools import lru_cache
from urllib.parse import quote

from registry_api.domain.names import RegistryKey

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


@lru_cache(maxsize=1024)
def escape(text: str) -> str:
    """Return a text without the characters that keys may not hold, or that delimit their parts."""
    return quote(text, safe="").replace("%", "=")


def partition_of(key: RegistryKey) -> str:
    """Return the partition that all rows of a registry share."""
    return f"{escape(key.tenant)}:{escape(key.name)}"


def partitions_of(tenant: str) -> tuple[str, str]:
    """Return the first partition of a tenant's registries, and the first one after them."""
    return f"{escape(tenant)}:", end_of(f"{escape(tenant)}:")


def event_key(incarnation: str, sequence: int) -> str:
    """Return a key by which the newest event of the newest incarnation is the first."""
    return f"{EVENT}{escape(incarnation)}:{LAST_NUMBER - sequence:010d}"


def end_of(prefix: str) -> str:
    """Return the first key after those that begin with a prefix that ends in a colon."""
    return prefix.removesuffix(":") + ";"
