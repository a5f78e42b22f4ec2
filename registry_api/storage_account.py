"""Connection strings of storage accounts, of which the tables, the queues and the key are used.

Source: learn.microsoft.com/azure/storage/common/storage-configure-connection-string.
"""

import re
from base64 import b64decode
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

_NAME = re.compile("[a-z0-9-]+")


class Account(NamedTuple):
    """A storage account, and the key that lets us in."""

    name: str
    key: bytes
    table: SplitResult
    queue: SplitResult

    @classmethod
    def parse(cls, text: str) -> "Account":
        """Return the account that a connection string leads to.

        Raises:
            ValueError: If it has no key or no name, or an address that can be none.
        """
        parts = dict(_halves(part) for part in text.split(";") if part.strip())
        name, key = parts.get("AccountName", ""), b64decode(parts.get("AccountKey", ""), validate=True)
        if not _NAME.fullmatch(name) or not key:
            raise ValueError("There is no account, or no key.")
        scheme, suffix = parts.get("DefaultEndpointsProtocol", "https"), parts.get("EndpointSuffix", "core.windows.net")
        table, queue = (
            _address(parts.get(f"{service.capitalize()}Endpoint") or f"{scheme}://{name}.{service}.{suffix}")
            for service in ("table", "queue")
        )
        return cls(name, key, table, queue)


def _halves(part: str) -> tuple[str, str]:
    name, equals, value = part.partition("=")
    if not equals:
        raise ValueError("A part has no value.")
    return name.strip(), value


def _address(url: str) -> SplitResult:
    address = urlsplit(url.rstrip("/"))
    if address.scheme not in {"http", "https"} or not address.hostname or address.port == 0 or not url.isascii():
        raise ValueError("An address leads nowhere.")
    return address
