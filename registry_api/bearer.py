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
        self._asking = asyncio.Lock()

    async def of(self, *_: object) -> str:
        """Return the header `Authorization` of any request, with a new token if the last one would expire soon.

        While no new one is to be had, the last one is shown until its end.

        Raises:
            NoTokenError: If there is none to be had.
        """
        async with self._asking:
            now, token = time.time(), self._token
            if token is None or now >= min(self._renew_at, token.expires_on):
                self._renew_at = now + _RENEW_AGAIN_AFTER
                try:
                    token = self._token = await self._get_token()
                except NoTokenError:
                    if token is None or now >= token.expires_on:
                        raise
                    _log.warning("The access token for %s is not renewed.", self._scope, exc_info=True)
                else:
                    self._renew_at = max(self._renew_at, token.expires_on - _RENEW_BEFORE)
            return f"Bearer {token.token}"

    def refused(self) -> None:
        """Forget the token: the service did not accept it."""
        self._token = None

    async def _get_token(self) -> "AccessToken":
        try:
            return await self._credential.get_token(self._scope)
        except Exception as error:
            from azure.core.exceptions import AzureError  # noqa: PLC0415 - costs start-up time

            if isinstance(error, AzureError):
                raise NoTokenError(type(error).__name__) from error
            raise
