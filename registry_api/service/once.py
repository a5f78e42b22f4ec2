"""A request under a key, which has one effect however often it comes, and is answered each time as the first time."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import accumulate
from typing import NamedTuple

from registry_api.domain.names import RegistryKey
from registry_api.domain.problems import Problem, Refusal, sendable
from registry_api.service.accepting import Outcome
from registry_api.service.ports import Conflict, Store
from registry_api.service.records import Claim, Replay

_MOST_KEPT = 100_000  # characters of problems, which fit into a row however they are written

Act = Callable[..., Awaitable[Outcome]]
"""Does what is asked for and takes `replay`: what to keep, in the same transaction, of what it leads to."""


class Key(NamedTuple):
    """What a caller gives to a request so that it has one effect.

    `digest` names the key and whose it is, `fingerprint` what it is used for; `reused` is what is said if it was used
    for something else.
    """

    tenant: str
    digest: str
    fingerprint: str
    reused: Problem

    async def claim(self, keep_until: datetime, now: datetime, store: Store, *, is_rehearsal: bool = False) -> "Use":
        """Use the key, or go on with the use that was begun; it is not used up by a rehearsal.

        Raises:
            Refusal: If it was used for something else.
        """
        mine = Claim(fingerprint=self.fingerprint, expires_at=keep_until)
        if is_rehearsal:
            first = await store.read_claim(self.tenant, self.digest, now) or mine
        else:
            first = await store.claim(self.tenant, self.digest, mine, now)
        if first.fingerprint != self.fingerprint:
            raise Refusal(self.reused)
        return Use(digest_of(self.digest, first.expires_at.isoformat()), first.expires_at)


class Use(NamedTuple):
    """One use of a key. When its time is over the key may be used anew, and what it then leads to is kept apart."""

    id: str
    expires_at: datetime

    def for_registry(self, key: RegistryKey, index: int = 0) -> "Once":
        """Return the part of the use that concerns one registry."""
        return Once(key, f"{self.id}.{index}", self.expires_at)


class Once(NamedTuple):
    """What is done to one registry, once. What it leads to is kept with it, in the registry's own partition."""

    key: RegistryKey
    id: str
    expires_at: datetime

    async def run(self, act: Act, store: Store) -> Outcome:
        """Act, or return what was led to before.

        Raises:
            Refusal: If it is refused, or was refused before and that was kept.
        """
        if (outcome := await self._recall(store)) is not None:
            return outcome
        try:
            outcome = await act(replay=self._replay_of)
        except Refusal:
            # The same request may have been under way twice, and this one was the slower.
            if (outcome := await self._recall(store)) is not None:
                return outcome
            raise
        return outcome if outcome.changed else await self._keep(self._replay_of(outcome), store)

    async def keep_refusal(self, refusal: Refusal, store: Store) -> Outcome:
        """Keep that it is refused, unless the same request was faster and led to something.

        Raises:
            Refusal: The one that is kept.
        """
        problems = _keepable([_writable(problem) for problem in refusal.problems])
        return await self._keep(Replay(idempotency_key=self.id, problems=problems, expires_at=self.expires_at), store)

    def _replay_of(self, outcome: Outcome) -> Replay:
        return Replay(
            idempotency_key=self.id,
            registry=outcome.registry,
            created=outcome.created,
            changed=outcome.changed,
            expires_at=self.expires_at,
        )

    async def _keep(self, replay: Replay, store: Store) -> Outcome:
        """Keep what had no effect: whoever would still have one is then too late."""
        try:
            await store.keep(self.key, replay)
        except Conflict:
            if (outcome := await self._recall(store)) is not None:
                return outcome
            raise
        return _outcome_of(replay)

    async def _recall(self, store: Store) -> Outcome | None:
        kept = await store.read_replay(self.key, self.id)
        return None if kept is None else _outcome_of(kept)


def digest_of(*parts: str) -> str:
    """Return a name for what the parts together name."""
    return sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _outcome_of(replay: Replay) -> Outcome:
    if replay.registry is None:
        raise Refusal(*replay.problems)
    return Outcome(replay.registry, created=replay.created, changed=replay.changed)


def _keepable(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return as many problems as can be kept, the first one among them, and how many there are more."""
    sizes = accumulate(len(problem.message) + sum(len(str(step)) for step in problem.path) for problem in problems)
    most = max(1, sum(size <= _MOST_KEPT for size in sizes))
    if most >= len(problems):
        return tuple(problems)
    left = len(problems) - most
    return *problems[:most], Problem(problems[most].code, f"There are {left} more problems, too many to be kept.")


def _writable(problem: Problem) -> Problem:
    """Return a problem as it can be written: half a surrogate pair, which no encoding carries, as an escape."""
    path = tuple(step if isinstance(step, int) else sendable(step) for step in problem.path)
    return Problem(problem.code, sendable(problem.message), path, problem.line, problem.column)
