"""Answers that are kept for a while."""

from datetime import timedelta

import pytest

from registry_api.access.cache import Cache
from tests.service.world import ManualClock


class Oracle:
    """Answers with how often it was asked, or fails."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_away = False
        self.clock = ManualClock()
        self.takes = 0

    async def ask(self, key: str) -> int:
        """Answer."""
        self.asked.append(key)
        self.clock.advance(self.takes)
        if self.is_away:
            raise ConnectionError
        return len(self.asked)


@pytest.fixture
def oracle() -> Oracle:
    """Return what is asked."""
    return Oracle()


@pytest.fixture
def cache(oracle: Oracle) -> Cache[str, int]:
    """Return a cache of three answers, each for a minute."""
    return Cache(oracle.ask, lambda _: timedelta(minutes=1), 3, oracle.clock)


async def test_the_answers_used_last_are_kept(oracle: Oracle, cache: Cache[str, int]) -> None:
    """A fourth answer takes the place of the one that nobody has used for longest."""
    for key in "abcadab":
        await cache.get(key)

    assert "".join(oracle.asked) == "abcdb"
    assert len(cache._kept) == 3


async def test_a_failure_is_not_kept(oracle: Oracle, cache: Cache[str, int]) -> None:
    """After a failure the question is asked again, and an old answer does not come back."""
    await cache.get("a")
    oracle.clock.advance(60)
    oracle.is_away = True
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await cache.get("a")
    oracle.is_away = False

    assert await cache.get("a") == 4
    assert cache._asking == {}


async def test_an_answer_is_as_old_as_its_question(oracle: Oracle, cache: Cache[str, int]) -> None:
    """What took half a minute to be told is good for the other half."""
    oracle.takes = 30
    await cache.get("a")
    oracle.clock.advance(30)

    assert await cache.get("a") == 2


async def test_what_is_not_there_makes_nobody_forget_what_is() -> None:
    """However many ask about what is not there, a full cache keeps what it has."""
    asked: list[str] = []

    async def ask(key: str) -> str | None:
        asked.append(key)
        return key if key in "abc" else None

    cache = Cache(ask, lambda _: timedelta(minutes=1), 3, ManualClock())
    for key in ("a", "b", "c", "x", "y", "x", "a", "b", "c"):
        await cache.get(key)

    assert asked == ["a", "b", "c", "x", "y", "x"]
