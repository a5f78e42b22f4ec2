"""Who is calling: the ways to prove it, in the order in which they are tried."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from registry_api.access.app_service import PlatformPrincipal
from registry_api.access.keys import PipelineKeys
from registry_api.access.tokens import AccessTokens
from registry_api.domain.caller import Caller
from registry_api.domain.problems import Code, refuse
from registry_api.service.ports import Clock
from registry_api.settings import DEVELOPER, Settings


class Way(Protocol):
    """One way for a caller to prove who it is."""

    async def caller_of(self, headers: Mapping[str, str]) -> Caller | None:
        """Return who is calling, None if the headers (names in lower case) say nothing in this way.

        Raises:
            Refusal: If what they say is not to be trusted.
        """


class Developer:
    """Lets everybody in, as one caller: for a developer's machine.

    Args:
        tenant: The tenant whose Owner everybody is.
    """

    def __init__(self, tenant: str) -> None:
        self._caller = Caller(tenant=tenant, id=DEVELOPER, name=DEVELOPER)

    async def caller_of(self, headers: Mapping[str, str]) -> Caller:
        """Return the developer."""
        del headers
        return self._caller


class Identity:
    """Tells who is calling.

    Args:
        ways: The ways to prove it; the first of which the headers say something decides.
    """

    def __init__(self, ways: Sequence[Way]) -> None:
        self._ways = ways

    async def caller_of(self, headers: Mapping[str, str]) -> Caller:
        """Return who is calling.

        Raises:
            Refusal: If it is not known, or not to be trusted.
        """
        for way in self._ways:
            caller = await way.caller_of(headers)
            if caller is not None:
                return caller
        raise refuse(Code.UNAUTHENTICATED, _UNKNOWN if self._ways else _NO_WAY)


_UNKNOWN = "It is not known who is calling: send an access token, as 'Authorization: Bearer …'."
_NO_WAY = "No way to sign in is set up for this app; it lets nobody in."


def identity_for(settings: Settings, clock: Clock) -> Identity:
    """Return what the settings allow: the developer only where nobody else is let in."""
    ways: list[Way] = []
    if settings.platform_authenticates:
        ways.append(PlatformPrincipal(settings.tenants))
    if settings.audiences:
        ways.append(AccessTokens(settings.authority, settings.audiences, settings.tenants, clock))
    if settings.keys:
        ways.append(PipelineKeys(settings.keys))
    if settings.has_developer:
        ways.append(Developer(settings.tenant))
    return Identity(ways)
