"""Access tokens of the app itself, as they are shown to one service of Azure."""

import asyncio
import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.core.credentials_async import AsyncTokenCredential

_RENEW_BEFORE = 300  # seconds before a token expires
_RENEW_AGAIN_AFTER = 30  # seconds, while the last token is still good
_RENEW_WITHIN = 30.0  # seconds: whoever gives tokens has limits of its own, most of the time

_log = logging.getLogger(__name__)


class NoTokenError(Exception):
    """The identity was given no access token."""


class Bearer:
    """Shows access tokens, each for as long as it is valid.

    Args:
        credential: Who gives them.
        scope: What they are for, such as `https://storage.azure.com/.default`.
    """

    def __init__(self, credential: "AsyncTokenCredential", scope: str) -> None:
        self._credential = credential
        self._scope = scope
        self._token: AccessToken | None = None
        self._renew_at = 0.0
        self._renewing: asyncio.Task[AccessToken] | None = None

    async def of(self, *_: object) -> str:
        """Return the header `Authorization` of any request.

        A token that would expire soon is shown to its end, while a new one is asked for: nobody waits for that, and it
        is asked for again and again until there is one.

        Raises:
            NoTokenError: If there is none to be had.
        """
        now, token = time.time(), self._token
        if token is None or now >= token.expires_on:
            token = await asyncio.shield(self._renewal())
        elif now >= self._renew_at:
            self._renewal()
        return f"Bearer {token.token}"

    def refused(self) -> None:
        """Forget the token: the service did not accept it."""
        self._token = None

    def _renewal(self) -> "asyncio.Task[AccessToken]":
        """Return the question for a new token, which goes on when those who wait for it give up."""
        if self._renewing is None or self._renewing.done():
            self._renew_at = time.time() + _RENEW_AGAIN_AFTER
            self._renewing = asyncio.create_task(self._renew())
            self._renewing.add_done_callback(self._note)
        return self._renewing

    async def _renew(self) -> "AccessToken":
        token = self._token = await self._get_token()
        self._renew_at = max(self._renew_at, token.expires_on - _RENEW_BEFORE)
        return token

    def _note(self, renewal: "asyncio.Task[AccessToken]") -> None:
        if not renewal.cancelled() and (error := renewal.exception()) is not None:
            _log.warning("The access token for %s is not renewed.", self._scope, exc_info=error)

    async def _get_token(self) -> "AccessToken":
        try:
            async with asyncio.timeout(_RENEW_WITHIN):
                return await self._credential.get_token(self._scope)
        except TimeoutError as error:
            raise NoTokenError("no answer in time") from error
        except Exception as error:
            from azure.core.exceptions import AzureError  # noqa: PLC0415 - costs start-up time

            if isinstance(error, AzureError):
                raise NoTokenError(type(error).__name__) from error
            raise
