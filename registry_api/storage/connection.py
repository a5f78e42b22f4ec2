"""How Azure Storage is reached, and how it is proven who is asking: with the account's key, or with an identity."""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import SplitResult, urlsplit

from registry_api.bearer import Bearer
from registry_api.storage_account import Account

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

_SCOPE = "https://storage.azure.com/.default"
# What a signature for queues covers, beside the headers that begin with x-ms-; tables have fewer.
_SIGNED = {
    "table": ("Content-MD5", "Content-Type", "x-ms-date"),
    "queue": (
        *("Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date"),
        *("If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"),
    ),
}


class Endpoint(NamedTuple):
    """A service of a storage account, and who uses it. No key is needed, and none may be allowed."""

    url: str
    credential: "AsyncTokenCredential"


Connection = str | Endpoint
"""A connection string with a key, or an address and an identity."""


class Authorization(Protocol):
    """Proves who is asking."""

    async def of(self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], /) -> str:
        """Return the header `Authorization` of a request.

        Args:
            method: The method.
            path: The path as it is sent.
            query: The parameters as they were before they were encoded.
            headers: All other headers.

        Raises:
            NoTokenError: If there is no proof to be had.
        """

    def refused(self) -> None:
        """Take note that the service did not accept it."""


class SharedKey:
    """Signs requests with the account's key.

    Args:
        service: `table` or `queue`: they sign differently.
        account: The account's name.
        key: Its key.
    """

    def __init__(self, service: str, account: str, key: bytes) -> None:
        self._service = service
        self._account = account
        self._key = key

    async def of(self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
        """Return the signature of a request."""
        lines = [method, *(_signed(headers, name) for name in _SIGNED[self._service])]
        resource = f"/{self._account}{path}"
        if self._service == "queue":
            lines += (f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("x-ms-"))
            resource += "".join(f"\n{name}:{query[name]}" for name in sorted(query))
        digest = hmac.digest(self._key, "\n".join([*lines, resource]).encode(), sha256)
        return f"SharedKey {self._account}:{b64encode(digest).decode()}"

    def refused(self) -> None:
        """Do nothing: there is no other key."""


def _signed(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    return "" if (name, value) == ("Content-Length", "0") else value


def address_of(connection: Connection, service: str) -> tuple[SplitResult, Authorization]:
    """Return where a service is, and what lets us in.

    Args:
        connection: Where the storage account is.
        service: `table` or `queue`.

    Raises:
        ValueError: If a token would be sent in the clear, or the connection string leads nowhere.
    """
    if isinstance(connection, Endpoint):
        address = urlsplit(connection.url.rstrip("/"))
        if address.scheme != "https":
            raise ValueError("An access token is sent over https only.")
        return address, Bearer(connection.credential, _SCOPE)
    account = Account.parse(connection)
    return account.table if service == "table" else account.queue, SharedKey(service, account.name, account.key)
