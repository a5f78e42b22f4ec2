"""Answers that are kept for a while, so that whoever asks often, or at once with others, costs one question."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from registry_api.service.ports import Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Kept(NamedTuple, Generic[V]):
    answer: V
    until: datetime


class Cache(Generic[K, V]):
    """Keeps the answers that were used last. A question that fails is not kept: the next one asks again.

    Args:
        ask: Asks. It goes on when those who wait for it give up, so it has to limit its own time.
        keep: Tells for how long an answer is good, from when it was asked for.
        most: How many answers are kept at most.
        clock: The time.
    """

    def __init__(
        self, ask: Callable[[K], Awaitable[V]], keep: Callable[[V], timedelta], most: int, clock: Clock
    ) -> None:
        self._ask = ask
        self._keep = keep
        self._most = most
        self._clock = clock
        self._kept: OrderedDict[K, _Kept[V]] = OrderedDict()
        self._asking: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K) -> V:
        """Return the answer for a key: what is kept, what somebody is asking for already, or a new one."""
        kept = self._kept.get(key)
        if kept is not None and self._clock.now() < kept.until:
            self._kept.move_to_end(key)
            return kept.answer
        if key not in self._asking:
            self._asking[key] = asyncio.create_task(self._fetch(key))
        return await asyncio.shield(self._asking[key])

    async def _fetch(self, key: K) -> V:
        asked_at = self._clock.now()
        try:
            answer = await self._ask(key)
        finally:
            del self._asking[key]
        if not answer and len(self._kept) >= self._most:
            return answer  # who asks about what is not there must not let what is there be forgotten
        self._kept[key] = _Kept(answer, asked_at + self._keep(answer))
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return answer
