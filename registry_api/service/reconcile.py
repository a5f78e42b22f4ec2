"""One visit to one registry: take the lease, work, write down what was found.

Level-triggered: a visit acts on what is stored and what is seen, never on what a message says, so a
duplicate, late or reordered message does no harm. A registry that is not terminal always has a message on
its way: every visit announces the next one before it does anything else.
"""

import logging
from datetime import datetime, timedelta

from registry_api.domain import lifecycle
from registry_api.domain.lifecycle import Findings
from registry_api.domain.problems import Code
from registry_api.domain.registry import Registry, Visit
from registry_api.domain.resources import Failure
from registry_api.service.announcing import announce
from registry_api.service.ports import Backend, Commit, Conflict, Message, Ports, StorageUnavailable, Stored
from registry_api.service.work import work

_log = logging.getLogger(__name__)

# A request that announced a change has long ended, or will never commit it, when its message is this old.
COMMIT_WINDOW = timedelta(seconds=60)
_LOOK_AGAIN = timedelta(seconds=5)
_STORAGE_PAUSE = timedelta(seconds=20)
_ATTEMPTS = 5


async def visit(message: Message, *, ports: Ports, backend: Backend) -> None:
    """Visit the registry that a message names.

    Raises:
        StorageUnavailable: If no message could be sent that brings the next visit; this one has to come again.
        Conflict: If others changed the registry again and again; the same.
    """
    for _ in range(_ATTEMPTS):
        now = ports.clock.now()
        try:
            stored = await ports.store.read(message.key)
            if stored is not None and _is_due(stored.registry, message) and stored.registry.operation.is_overdue(now):
                if await _commit(stored, lifecycle.time_out(stored.registry, now), ports):
                    return
                continue
        except StorageUnavailable:
            _log.warning("'%s' cannot be visited now.", message.name, exc_info=True)
            await ports.queue.send(message, _STORAGE_PAUSE)
            return
        if (delay := _postponement(stored, message, now)) is not None:
            await ports.queue.send(message, delay)
            return
        if stored is None or not _is_due(stored.registry, message):
            return
        following = await _announce_next(stored.registry, now, ports)
        try:
            begun = await _take_lease(stored, following, now, ports)
            if begun is not None:
                await _end(begun, await work(begun.registry, backend, ports.clock), ports)
                return
        except StorageUnavailable:
            _log.warning("The visit to '%s' ends early; the one announced goes on.", message.name, exc_info=True)
            return
        # Somebody was faster, but need not have sent a message that is still on its way: look again.
    raise Conflict(f"'{message.name}' changes too fast to be visited.")


async def give_up(message: Message, *, ports: Ports) -> None:
    """End the operation of a registry whose message failed too often to be tried again.

    Raises:
        Conflict: If others changed the registry again and again.
    """
    for _ in range(_ATTEMPTS):
        stored, now = await ports.store.read(message.key), ports.clock.now()
        if (delay := _postponement(stored, message, now)) is not None:
            await ports.queue.send(message, delay)
            return
        if stored is None or not _is_due(stored.registry, message):
            return
        told = [resource.failure.message for resource in stored.registry.resources if resource.failure]
        cause = f"The last problem was: {told[0]}" if told else "The log has the cause."
        failure = Failure(code=Code.OPERATION_POISONED, message=f"The work failed too often. {cause}", final=True)
        if await _commit(stored, lifecycle.fail(stored.registry, failure, now), ports):
            return
    raise Conflict(f"'{message.name}' changes too fast to be given up.")


def _postponement(stored: Stored | None, message: Message, now: datetime) -> timedelta | None:
    """Return how long a message that came too early has to wait, or None."""
    serial = stored.registry.serial if stored else 0
    if message.follows is None and message.serial > serial:
        # Announced, but not committed: not yet, or never.
        return _LOOK_AGAIN if abs(now - message.announced_at) < COMMIT_WINDOW else None
    if stored is None or not _is_due(stored.registry, message):
        return None
    lease = stored.registry.lease
    if lease.expires is not None and lease.is_held(now):
        return min(lease.expires - now, _LOOK_AGAIN)
    return None


def _is_due(registry: Registry, message: Message) -> bool:
    """Tell whether a message is the one that the registry waits for."""
    return not registry.state.is_terminal and registry.visit.token in {message.visit, message.follows}


async def _commit(stored: Stored, registry: Registry, ports: Ports) -> bool:
    """Store a registry with its operation; tell whether nobody was faster."""
    try:
        await ports.store.commit(Commit(registry.key, registry, stored.version, (registry.operation,)))
    except Conflict:
        return False
    return True


async def _announce_next(registry: Registry, now: datetime, ports: Ports) -> Visit:
    number = registry.visit.number
    following = Visit(token=ports.ids.visit_token(), due=now + lifecycle.visit_delay(number), number=number + 1)
    await announce(ports.queue, registry, following, now, follows=registry.visit.token)
    return following


async def _take_lease(stored: Stored, following: Visit, now: datetime, ports: Ports) -> Stored | None:
    """Return the registry with its lease taken, None when somebody else was faster."""
    begun = lifecycle.begin_visit(stored.registry, following, now)
    try:
        version = await ports.store.commit(Commit(begun.key, begun, stored.version, (begun.operation,)))
    except Conflict:
        return None
    return Stored(begun, version) if version is not None else None


async def _end(begun: Stored, findings: Findings, ports: Ports) -> None:
    """Write down what was found, on top of whatever was accepted meanwhile, unless the lease was lost."""
    current = begun
    for _ in range(_ATTEMPTS):
        now = ports.clock.now()
        ended = lifecycle.end_visit(current.registry, findings, now)
        operation = ended.operation if ended else lifecycle.gone(current.registry.operation, now)
        try:
            await ports.store.commit(Commit(current.registry.key, ended, current.version, (operation,)))
        except Conflict:
            read = await ports.store.read(current.registry.key)
            if read is None or read.registry.fence != begun.registry.fence:
                _log.warning("Lost the lease on '%s', %s.", begun.registry.spec.name, begun.registry.fence)
                return
            current = read
        else:
            return
    raise Conflict(f"'{begun.registry.spec.name}' changes too fast to write down what was found.")
