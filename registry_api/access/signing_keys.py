"""The public keys that an authority signs its tokens with, fetched when they are first needed.

Importing this imports PyJWT: do it where the first token comes.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jwt import PyJWK
from jwt.exceptions import PyJWTError

from registry_api.connections import NoAnswerError, fetch
from registry_api.service.ports import Clock

KEEP = timedelta(hours=24)  # after which keys are fetched again, as Entra's documentation asks for
KEEP_AT_MOST = timedelta(hours=48)  # should the authority not answer meanwhile
PAUSE = timedelta(seconds=60)  # between two fetches, however many tokens name a key that is not known
_FIRST_PAUSE = timedelta(seconds=2)  # while there are none at all: nobody is let in until then
_DEADLINE_SECONDS = 5.0
_MOST_BYTES = 1024 * 1024
_ALGORITHM = "RS256"

_log = logging.getLogger(__name__)


class KeysUnavailable(Exception):  # noqa: N818 - the state of a dependency, not a fault of the program
    """The authority's keys cannot be had now."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key. `issuer` is whose tokens it may sign, with `{tenantid}` for any tenant; None if it is not told."""

    key: PyJWK
    issuer: str | None


class SigningKeys:
    """An authority's keys, by their ids.

    Args:
        address: Where the authority publishes them (RFC 7517).
        clock: Tells how old they are.
    """

    def __init__(self, address: str, clock: Clock) -> None:
        self._address = address
        self._clock = clock
        self._keys: Mapping[str, SigningKey] = {}
        self._fetched_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._turn = asyncio.Lock()

    async def find(self, key_id: str) -> SigningKey | None:
        """Return a key, or None if the authority has none of this id.

        Raises:
            KeysUnavailable: If that cannot be told, because the authority does not answer.
        """
        if not self._knows(key_id):
            async with self._turn:  # whoever waited finds what was fetched meanwhile
                if not self._knows(key_id) and self._may_ask():
                    await self._fetch()
        if self._age() >= KEEP_AT_MOST:
            raise KeysUnavailable(f"The signing keys at {self._address} cannot be had.")
        return self._keys.get(key_id)

    def _knows(self, key_id: str) -> bool:
        return key_id in self._keys and self._age() < KEEP

    def _age(self) -> timedelta:
        return timedelta.max if self._fetched_at is None else self._clock.now() - self._fetched_at

    def _may_ask(self) -> bool:
        pause = PAUSE if self._keys else _FIRST_PAUSE
        return self._asked_at is None or self._clock.now() - self._asked_at >= pause

    async def _fetch(self) -> None:
        self._asked_at = self._clock.now()
        try:
            self._keys = _read(await _download(self._address))
            self._fetched_at = self._asked_at
        except (NoAnswerError, ValueError, RecursionError):
            _log.warning("The signing keys at %s cannot be had.", self._address, exc_info=True)


async def _download(address: str) -> bytes:
    answer = await fetch(address, {"Accept": "application/json"}, within=_DEADLINE_SECONDS, most_bytes=_MOST_BYTES)
    if answer.status != 200:  # noqa: PLR2004 - HTTP's OK
        raise ValueError(f"The answer is {answer.status}.")
    return answer.body


def _read(content: bytes) -> Mapping[str, SigningKey]:
    """Return the keys in a key set; what is not a key for signatures by RS256 is left out.

    Raises:
        ValueError: If it is no key set, or has no such key.
    """
    found: Any = json.loads(content)
    entries = found.get("keys") if isinstance(found, dict) else None
    keys = {}
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig":
            continue
        key_id, issuer = entry.get("kid"), entry.get("issuer")
        try:
            key = PyJWK(entry, algorithm=_ALGORITHM)
        except PyJWTError:
            continue
        if isinstance(key_id, str):
            keys[key_id] = SigningKey(key, issuer if isinstance(issuer, str) else None)
    if not keys:
        raise ValueError("It has no keys.")
    return keys
