"""One visit to one registry: look, plan, start what can be started, write down what was found.

Level-triggered: a visit acts on what is stored and what is seen, never on what a message says, so a
duplicate, late or reordered message does no harm. A registry that is not terminal always has a message on
its way: every visit announces the next one before it does anything else.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from registry_api.domain import lifecycle
from registry_api.domain.lifecycle import Findings
from registry_api.domain.plan import Action, Observation, Presence, Verb, plan
from registry_api.domain.problems import Code
from registry_api.domain.registry import Registry, Visit
from registry_api.domain.resources import Failure, Resource, ResourceKey
from registry_api.service.announcing import announce
from registry_api.service.ports import (
    Backend,
    BackendError,
    Clock,
    Commit,
    Conflict,
    Ids,
    Message,
    Store,
    Stored,
    WorkQueue,
)

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

# A request that announced a change has long ended, or will never commit it, when its message is this old.
COMMIT_WINDOW = timedelta(seconds=60)
_LOOK_AGAIN = timedelta(seconds=5)
_WORKING_TIME = timedelta(seconds=15)  # no action is started later, so that a visit ends within its lease
_CONCURRENT_CALLS = 16
_ATTEMPTS = 5


async def visit(message: Message, *, store: Store, queue: WorkQueue, backend: Backend, clock: Clock, ids: Ids) -> None:
    """Visit the registry that a message names.

    Raises:
        StorageUnavailable: If the visit could not be begun or written down; the message has to come again.
    """
    now = clock.now()
    stored = await store.read(message.key)
    if (delay := _postponement(stored, message, now)) is not None:
        await queue.send(message, delay)
        return
    if stored is None or not _is_due(stored.registry, message):
        return
    begun = await _begin(stored, now, store=store, queue=queue, ids=ids)
    if begun is None:
        return
    findings = await _work(begun.registry, backend, clock, until=now + _WORKING_TIME)
    await _end(begun, findings, store=store, clock=clock)


async def give_up(message: Message, *, store: Store, clock: Clock) -> None:
    """End the operation of a registry whose message failed too often to be tried again."""
    stored = await store.read(message.key)
    if stored is None or not _is_due(stored.registry, message):
        return
    registry, now = stored.registry, clock.now()
    told = [resource.failure.message for resource in registry.resources if resource.failure]
    failure = Failure(
        code=Code.OPERATION_POISONED,
        message="The work failed too often. " + (f"The last problem was: {told[0]}" if told else "See the log."),
        final=True,
    )
    failed = lifecycle.fail(registry, failure, now)
    await store.commit(Commit(registry.key, failed, stored.version, (failed.operation,)))


def _postponement(stored: Stored | None, message: Message, now: datetime) -> timedelta | None:
    """Return how long a message that came too early has to wait, or None."""
    generation = stored.registry.generation if stored else 0
    if message.follows is None and message.generation > generation:
        # Announced, but not committed: not yet, or never.
        return _LOOK_AGAIN if now - message.announced_at < COMMIT_WINDOW else None
    if stored is None or not _is_due(stored.registry, message):
        return None
    lease = stored.registry.lease
    if lease.expires is not None and lease.is_held(now):
        return min(lease.expires - now, _LOOK_AGAIN)
    return None


def _is_due(registry: Registry, message: Message) -> bool:
    """Tell whether a message is the one that the registry waits for."""
    return not registry.state.is_terminal and registry.visit.token in {message.visit, message.follows}


async def _begin(stored: Stored, now: datetime, *, store: Store, queue: WorkQueue, ids: Ids) -> Stored | None:
    """Announce the next visit and take the lease; return None when somebody else was faster."""
    registry = stored.registry
    number = registry.visit.number
    following = Visit(token=ids.visit_token(), due=now + lifecycle.visit_delay(number), number=number + 1)
    await announce(queue, registry, following, now, follows=registry.visit.token)
    begun = lifecycle.begin_visit(registry, following, now)
    try:
        version = await store.commit(Commit(registry.key, begun, stored.version, (begun.operation,)))
    except Conflict:
        return None
    return Stored(begun, version) if version is not None else None


async def _end(begun: Stored, findings: Findings, *, store: Store, clock: Clock) -> None:
    """Write down what was found, on top of whatever was accepted meanwhile, unless the lease was lost."""
    current, epoch = begun, begun.registry.lease.epoch
    for _ in range(_ATTEMPTS):
        now = clock.now()
        ended = lifecycle.end_visit(current.registry, findings, now)
        operation = ended.operation if ended else lifecycle.gone(current.registry.operation, now)
        try:
            await store.commit(Commit(current.registry.key, ended, current.version, (operation,)))
        except Conflict:
            read = await store.read(current.registry.key)
            if read is None or read.registry.lease.epoch != epoch:
                _log.warning("Lost the lease on '%s', epoch %d.", current.registry.spec.name, epoch)
                return
            current = read
        else:
            return
    raise Conflict(f"'{begun.registry.spec.name}' changes too fast to write down what was found.")


@dataclass(frozen=True, slots=True)
class _Sight:
    """What could be seen of a registry's resources, and why the rest could not."""

    observed: Mapping[ResourceKey, Observation]
    failures: Mapping[ResourceKey, Failure]


async def _work(registry: Registry, backend: Backend, clock: Clock, until: datetime) -> Findings:
    """Look, plan and start, again and again until nothing more can be started now."""
    limit = asyncio.Semaphore(_CONCURRENT_CALLS)
    failures = {
        resource.key: resource.failure
        for resource in registry.resources
        if resource.failure is not None and resource.failure.final
    }
    started: set[tuple[Verb, ResourceKey]] = set()
    while True:
        sight = await _look(registry, backend, limit)
        remaining = plan(registry.resources, registry.wanted, sight.observed)
        known = {**sight.failures, **failures}
        to_start = [
            action
            for action in remaining
            if action.can_start
            and action.resource.key not in known
            and (action.verb, action.resource.key) not in started
        ]
        if not to_start or clock.now() >= until:
            still = {action.resource.key for action in remaining}
            left = {key: failure for key, failure in known.items() if key in still}
            return Findings(registry.generation, sight.observed, remaining, left)
        started |= {(action.verb, action.resource.key) for action in to_start}
        failures |= await _start(registry, to_start, backend, limit)


async def _look(registry: Registry, backend: Backend, limit: asyncio.Semaphore) -> _Sight:
    async def look(resource: Resource) -> Observation | Failure:
        return await _answer_of(backend.observe(registry, resource), limit)

    keys = [resource.key for resource in registry.resources]
    answers = await asyncio.gather(*(look(resource) for resource in registry.resources))
    observed = {
        key: Observation(Presence.CHANGING) if isinstance(answer, Failure) else answer
        for key, answer in zip(keys, answers, strict=True)
    }
    failures = {key: answer for key, answer in zip(keys, answers, strict=True) if isinstance(answer, Failure)}
    return _Sight(observed, failures)


async def _start(
    registry: Registry, actions: Sequence[Action], backend: Backend, limit: asyncio.Semaphore
) -> dict[ResourceKey, Failure]:
    answers = await asyncio.gather(*(_answer_of(backend.start(registry, action), limit) for action in actions))
    return {
        action.resource.key: answer
        for action, answer in zip(actions, answers, strict=True)
        if isinstance(answer, Failure)
    }


async def _answer_of(call: Awaitable[_T], limit: asyncio.Semaphore) -> _T | Failure:
    """Return what a backend answers; a failure of one region must not hold back the others."""
    async with limit:
        try:
            return await call
        except BackendError as error:
            return error.failure
        except Exception:  # noqa: BLE001 - the deadline has to hold whatever a backend does
            _log.exception("The backend failed in a way that nobody foresaw.")
            return Failure(code=Code.INTERNAL_ERROR, message="An unexpected error; see the log.")
