"""Calls of a service of Azure Storage: how long they may take, when they are repeated, what their errors mean."""

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from email.utils import formatdate
from urllib.parse import quote, urlencode

from registry_api.bearer import NoTokenError
from registry_api.connections import Answer, Connections, NoAnswerError, written
from registry_api.service.ports import StorageUnavailable
from registry_api.storage.connection import Connection, address_of

DEADLINE = 8.0
"""Seconds that a call may take with all its retries: a caller is told within ten that storage is away."""

_RETRIES = 2
_READ_WITHIN = 3.0
_BACKOFF = 0.2  # seconds at most before the first retry, twice that before the second
_BUSY = {408, 429, 500, 502, 503, 504}
_REFUSED_AS_WRONG = {400, 413}

_log = logging.getLogger(__name__)


class StorageError(Exception):
    """The service answered that it did not do what it was asked for.

    Args:
        status: The status of the answer.
        code: The service's own name for the error, or the status.
    """

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class Service:
    """The tables or the queues of a storage account.

    Args:
        name: `table` or `queue`.
        connection: Where the storage account is, and what lets us in.
        version: The version of the service's contract.
    """

    def __init__(self, name: str, connection: Connection, version: str) -> None:
        self._name = f"{name.capitalize()} storage"
        address, self._authorization = address_of(connection, name)
        self._connections = Connections(address)
        self.base = address.path
        self.url = f"{address.scheme}://{address.netloc}{address.path}"
        self._constant = {"Host": address.netloc, "User-Agent": "registry-api", "x-ms-version": version}

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        expected: Collection[int] = (200,),
        once: bool = False,
    ) -> Answer:
        """Return the answer to a request.

        Args:
            method: The method.
            path: The path below the account's, encoded.
            query: The parameters of the address.
            headers: Headers of this request alone.
            body: The body.
            expected: The statuses of success.
            once: Whether the request may not be repeated when nobody knows whether it was carried out.

        Raises:
            StorageError: If the status is another one.
            NoAnswerError: If there was no answer.
            NoTokenError: If nothing could be asked, for lack of an access token.
        """
        given = {"Content-Length": str(len(body)), **(headers or {})}
        within = DEADLINE if once else _READ_WITHIN
        for retry in range(1 if once else _RETRIES + 1):
            answer: Answer | None = None
            try:
                answer = await self._send(method, path, query or {}, given, body=body, within=within)
                if answer.status not in _BUSY:
                    break
                reason = _code_of(answer)
            except NoAnswerError as error:
                if once or retry == _RETRIES:
                    raise
                reason = str(error)
            if once or retry == _RETRIES:
                break
            _log.info("%s is asked again: %s.", self._name, reason)
            await asyncio.sleep(_pause(answer, retry))
        assert answer is not None  # noqa: S101 - the last attempt has raised, or has an answer
        if answer.status not in expected:
            if answer.status == 401:  # noqa: PLR2004 - what HTTP calls unauthorized
                self._authorization.refused()
            raise StorageError(answer.status, _code_of(answer))
        return answer

    @asynccontextmanager
    async def bounded(self) -> AsyncIterator[None]:
        """Limit the time of a call, and tell its errors in words of the ports.

        Raises:
            StorageUnavailable: If the service did not answer, or not with what was asked for.
            ValueError: If it refused the request as wrong: a fault of this program, or of a caller's continuation.
        """
        try:
            async with asyncio.timeout(DEADLINE):
                yield
        except TimeoutError as error:
            raise StorageUnavailable(f"{self._name} did not answer within {DEADLINE:.0f} seconds.") from error
        except StorageError as error:
            if error.status in _REFUSED_AS_WRONG:
                raise ValueError(f"{self._name} refuses the request: {error.code}.") from error
            raise StorageUnavailable(f"{self._name} cannot do it: {error.code}.") from error
        except (NoAnswerError, NoTokenError) as error:
            await self._connections.close()  # what was out of step on one of them is on none that is used again
            raise StorageUnavailable(f"{self._name} does not answer: {error}.") from error

    async def close(self) -> None:
        """Give the connections back."""
        await self._connections.close()

    async def _send(
        self, method: str, path: str, query: Mapping[str, str], given: Mapping[str, str], *, body: bytes, within: float
    ) -> Answer:
        headers = {**self._constant, "x-ms-date": formatdate(usegmt=True), **given}
        target = self.base + path
        headers["Authorization"] = await self._authorization.of(method, target, query, headers)
        if query:
            target += "?" + urlencode(query, quote_via=quote)
        return await self._connections.exchange(written(method, target, headers, body), within)


def _pause(answer: Answer | None, retry: int) -> float:
    """Return for how many seconds to leave the service alone: as long as it says, or a random time."""
    told = answer.headers.get("retry-after", "") if answer is not None else ""
    return float(told) if told.isdecimal() else random.uniform(0, _BACKOFF * 2**retry)  # noqa: S311 - no secret


def _code_of(answer: Answer) -> str:
    """Return the service's own name for an error, or the status."""
    return answer.headers.get("x-ms-error-code") or code_in(answer.body) or str(answer.status)


def code_in(body: bytes) -> str | None:
    """Return the name of the error that an answer in JSON tells, or None."""
    try:
        code = json.loads(body)["odata.error"]["code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return code if isinstance(code, str) and code else None
