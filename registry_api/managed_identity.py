"""The app's own identity on Azure: access tokens from the endpoint that the platform gives to the app.

Source: learn.microsoft.com/azure/app-service/overview-managed-identity, "REST endpoint reference", version 2019-08-01;
Container Apps have the same. Why not by the SDK: docs/decisions/0037.
"""

import asyncio
import json
import logging
import random
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast
from urllib.parse import urlencode

from registry_api.connections import Answer, NoAnswerError, fetch

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

_VERSION = "2019-08-01"
_ATTEMPTS = 5
_WITHIN = 3.0  # seconds for one of them; who asks has less time for all
# Seconds at most before the second attempt, each time twice as long: an endpoint that starts is waited for.
_PAUSE = 0.25
_MOST_BYTES = 64 * 1024
_END_OF_TIME = 10**12  # seconds since 1970
_PASSING = {404, 408, 410, 429, 500, 502, 503, 504}  # while the endpoint starts, or is busy

_log = logging.getLogger(__name__)


class _Token(NamedTuple):
    """An `AccessToken` in all but the import. `expires_on` is in seconds since 1970."""

    token: str
    expires_on: int


class ManagedIdentity:
    """Gives tokens to whoever wants a credential of `azure.core`. They are not kept here: whoever shows them does.

    Args:
        endpoint: Where the platform gives tokens, `IDENTITY_ENDPOINT`.
        secret: What it wants to be shown, `IDENTITY_HEADER`.
        client_id: Which of the app's identities it is; empty is the one that the system assigned.
    """

    def __init__(self, endpoint: str, secret: str, client_id: str = "") -> None:
        self._endpoint = endpoint
        self._secret = secret
        self._client_id = client_id

    async def get_token(self, *scopes: str, **_: Any) -> "AccessToken":
        """Return a token.

        Args:
            scopes: The one service that it is for, such as `https://storage.azure.com/.default`.

        Raises:
            ClientAuthenticationError: Of `azure.core`, if there is none to be had.
        """
        (scope,) = scopes
        query = {"resource": scope.removesuffix("/.default"), "api-version": _VERSION}
        if self._client_id:
            query["client_id"] = self._client_id
        address = f"{self._endpoint}?{urlencode(query)}"
        reason = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1))  # noqa: S311 - no secret
            try:
                answer = await fetch(
                    address, {"X-IDENTITY-HEADER": self._secret}, within=_WITHIN, most_bytes=_MOST_BYTES
                )
            except NoAnswerError as error:
                reason = str(error)
                continue
            except ValueError as error:
                raise _no_token("its address is none") from error
            reason = f"the answer is {answer.status}"
            if answer.status not in _PASSING:
                break
        else:
            raise _no_token(reason)
        return self._token_in(answer)

    def _token_in(self, answer: Answer) -> "AccessToken":
        if answer.status != 200:  # noqa: PLR2004 - HTTP's OK
            if answer.status >= 400:  # noqa: PLR2004 - where HTTP's errors begin: others may have a token in them
                said = answer.body.replace(self._secret.encode(), b"...") if self._secret else answer.body
                _log.warning("The identity endpoint answers %s: %.300r", answer.status, said)
            raise _no_token(f"the answer is {answer.status}")
        try:
            found = json.loads(answer.body)
            token, expires_on = found["access_token"], int(found["expires_on"])
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
            raise _no_token("the answer is not what was asked for") from None  # it may have a token in it
        is_token = isinstance(token, str) and token and token.isascii() and token.isprintable()
        if not is_token or not 0 < expires_on < _END_OF_TIME:
            raise _no_token("the answer has no token")
        return cast("AccessToken", _Token(token, expires_on))

    async def close(self) -> None:
        """Do nothing: nothing is held."""

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Do nothing."""


def _no_token(reason: str) -> Exception:
    from azure.core.exceptions import ClientAuthenticationError  # noqa: PLC0415 - costs start-up time

    return ClientAuthenticationError(f"The identity endpoint gives no token: {reason}.")
