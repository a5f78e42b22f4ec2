"""Where letters may go: only to addresses of the public internet, and the one that was checked is the one connected to.

Importing this imports aiohttp: do it where the first letter is sent.
"""

import socket

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from registry_api.domain.addresses import is_public


class DestinationRefusedError(Exception):
    """The address is not one that letters may go to."""


class CheckedResolver(AbstractResolver):
    """Finds the addresses of a name, and refuses the name if one of them is not public.

    Args:
        resolver: Who knows the addresses.
    """

    def __init__(self, resolver: AbstractResolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name.

        Raises:
            DestinationRefusedError: If letters may not go to one of them.
        """
        found = await self._resolver.resolve(host, port, family)
        if not all(is_public(result["host"]) for result in found):
            raise DestinationRefusedError
        return found

    async def close(self) -> None:
        """Close what it asks."""
        await self._resolver.close()


def checked_socket(address: tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]) -> socket.socket:
    """Return a socket for an address that a connection is about to be made to, the last place to refuse it.

    Names never come here, addresses always do: also those that stand in a URL, which no resolver is asked about.

    Raises:
        DestinationRefusedError: If letters may not go there.
    """
    family, kind, protocol, _, destination = address
    if not is_public(destination[0]):
        raise DestinationRefusedError
    return socket.socket(family, kind, protocol)


def connector(*, anywhere: bool, resolver: AbstractResolver) -> aiohttp.TCPConnector:
    """Return what makes one connection, and keeps nothing for another.

    Args:
        anywhere: Whether letters may go to any address; for local use.
        resolver: Who knows the addresses of names.
    """
    if anywhere:
        return aiohttp.TCPConnector(resolver=resolver, force_close=True)
    return aiohttp.TCPConnector(
        resolver=CheckedResolver(resolver), use_dns_cache=False, force_close=True, socket_factory=checked_socket
    )
