"""A good client: it tries again what may have failed, and remembers every answer."""

import asyncio
import random
import time
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any

import httpx

from tests.chaos.ledger import Ledger

_ANSWER_WITHIN = 20.0
_PAUSE = 0.5
_TRACES = ("Traceback", 'File "', ".py")
_ATTEMPTS = 60


class NoAnswerError(Exception):
    """A request was never answered but by broken connections or that storage is away."""


class Client:
    """Calls the API of one app.

    Args:
        url: Where the API is.
        ledger: Where to remember what was answered.
        chance: What pauses between attempts are drawn from.
    """

    def __init__(self, url: str, ledger: Ledger, chance: random.Random) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=_ANSWER_WITHIN,
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=50),
        )
        self.ledger = ledger
        self._chance = chance

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        expected: Collection[int],
        *,
        document: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request until it is answered by something else than that storage is away.

        Args:
            method: Its method.
            path: Its path.
            expected: The statuses that are right; any other one breaks a promise.
            document: What to send as JSON.
            headers: What to send besides.

        Raises:
            NoAnswerError: If there was no definite answer in very many attempts.
        """
        what: dict[str, Any] = {} if document is None else {"json": document}
        for _ in range(_ATTEMPTS):
            began = time.monotonic()
            try:
                answer = await self._http.request(method, path, headers=headers, **what)
            except httpx.TransportError:
                self.ledger.broken += 1
                await asyncio.sleep(_PAUSE * self._chance.uniform(0.5, 2))
                continue
            self.ledger.slowest = max(self.ledger.slowest, time.monotonic() - began)
            self.ledger.answers[f"{answer.status_code} {answer.headers.get('x-ms-error-code', '')}".strip()] += 1
            if self._is_unavailable(answer):
                await asyncio.sleep(float(answer.headers["retry-after"]) * self._chance.uniform(0.2, 1))
                continue
            self._look_at(method, path, answer, expected)
            return answer
        raise NoAnswerError(f"{method} {path}")

    def _is_unavailable(self, answer: httpx.Response) -> bool:
        return (
            answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
            and answer.headers.get("x-ms-error-code") == "StorageUnavailable"
            and "retry-after" in answer.headers
        )

    def _look_at(self, method: str, path: str, answer: httpx.Response, expected: Collection[int]) -> None:
        if any(trace in answer.text for trace in _TRACES):
            self.ledger.violate(f"{method} {path} was answered with a stack trace: {answer.text}")
        if answer.status_code not in expected:
            self.ledger.violate(f"{method} {path} was answered {answer.status_code}: {answer.text.strip()}")
