"""One visit to one registry: take the lease, work, write down what was found.

Level-triggered: a visit acts on what is stored and what is seen, never on what a message says, so a
duplicate, late or reordered message does no harm. A registry that is not terminal always has a message on
its way: every visit announces the next one before it does anything else.
"""

import logging
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from registry_api.domain import drift, lifecycle, settling, visits
from registry_api.domain.caller import service_of
from registry_api.domain.operation import DEADLINE
from registry_api.domain.problems import Code
from registry_api.domain.registry import Registry
from registry_api.domain.visits import Findings
from registry_api.service import announcing
from registry_api.service.announcing import announce
from registry_api.service.backend import Backend
from registry_api.service.leasing import under_lease
from registry_api.service.messages import Message
from registry_api.service.ports import Conflict, Ports, StorageUnavailable
from registry_api.service.recording import commit_of
from registry_api.service.records import Commit, Stored
from registry_api.service.work import work
from registry_api.telemetry import Counter as Counted
from registry_api.telemetry import Duration, about, also, count, measure, span

_log = logging.getLogger(__name__)

# A request that announced a change has long ended, or will never commit it, when its message is this old.
COMMIT_WINDOW = timedelta(seconds=60)
_LOOK_AGAIN = timedelta(seconds=5)
_EARLY = timedelta(seconds=1)  # that clocks may differ by
_STORAGE_PAUSE = timedelta(seconds=20)
_PASSING = frozenset({StorageUnavailable.__name__, Conflict.__name__})
_ATTEMPTS = 5

OVERDUE = f"Operation %s of '%s' was ended: {Code.OPERATION_TIMED_OUT}."
"""What the log says of an operation that had its time; infra/alerts.bicep looks for it."""


async def visit(message: Message, *, ports: Ports, backend: Backend) -> None:
    """Visit the registry that a message names.

    Raises:
        StorageUnavailable: If no message could be sent that brings the next visit; this one has to come again.
        Conflict: If others changed the registry again and again; the same.
        Exception: If the service has a fault.

    What is raised is noted by its kind, should the operation have to end because of it.
    """
    with span("provision", message.traceparent, registry=message.name, tenant=message.tenant):
        try:
            await _visit(message, ports, backend)
        except Exception as error:
            await _note(error, message, ports)
            raise


async def _visit(message: Message, ports: Ports, backend: Backend) -> None:
    for _ in range(_ATTEMPTS):
        try:
            stored = await _read(message, ports)
            now = ports.clock.now()  # not before: a lease that was taken since would seem to last for too long
            delay = _postponement(stored, message, now)
            is_due = stored is not None and delay is None and _is_due(stored.registry, message)
            if stored is not None and is_due and stored.registry.operation.is_overdue(now):
                if await _commit(stored, lifecycle.time_out(stored.registry, now), now, ports):
                    _log.error(OVERDUE, stored.registry.operation.id, stored.registry.spec.name)
                    return
                continue
        except StorageUnavailable:
            _log.warning("'%s' cannot be visited now.", message.name, exc_info=True)
            await ports.queue.send(message, _storage_pause(message, ports.clock.now()))
            return
        if delay is not None:
            await ports.queue.send(message, delay)
            return
        if stored is None or not is_due:
            return
        following = visits.following_visit(stored.registry, _next_token(stored.registry, message, ports), now)
        await announce(ports.queue, stored.registry, now, following=following)
        try:
            known = settling.after_lost_visit(stored.registry, backend.settling_time, now)
            begun = await _take_lease(stored, visits.begin_visit(known, following, now), now, ports)
            if begun is not None:
                late = _late(stored.registry, now)
                measure(Duration.QUEUE_AGE, max(late, 0))
                also(epoch=begun.registry.lease.epoch)
                with span("visit", late_seconds=late) as visited:
                    findings = await under_lease(begun, partial(work, begun.registry, backend, ports.clock), ports)
                    if findings is not None:
                        await _end(begun, findings, ports)
                    else:
                        visited.ended("LeaseLost", failed=True)
                return
        except StorageUnavailable:
            _log.warning("The visit to '%s' ends early; the one announced goes on.", message.name, exc_info=True)
            return
        # Somebody was faster, but need not have sent a message that is still on its way: look again.
    raise Conflict(f"'{message.name}' changes too fast to be visited.")


async def _read(message: Message, ports: Ports) -> Stored | None:
    """Read the registry that a message names; what is logged from then on tells which visit it is."""
    stored = await ports.store.read(message.key)
    if stored is not None:
        found = stored.registry
        also(registry=found.spec.name, operation=found.operation.id, attempt=found.visit.number + 1)
    return stored


async def give_up(message: Message, *, ports: Ports) -> None:
    """End the operation of a registry whose message failed too often, unless storage was to blame, which passes.

    Raises:
        StorageUnavailable: If storage does not answer.
        Conflict: If others changed the registry again and again.
    """
    for _ in range(_ATTEMPTS):
        stored, now = await ports.store.read(message.key), ports.clock.now()
        if (delay := _postponement(stored, message, now)) is not None:
            await ports.queue.send(message, delay)
            return
        if stored is None or not _is_due(stored.registry, message):
            return
        if stored.registry.visit.broken_by in _PASSING:
            await ports.queue.send(message, _STORAGE_PAUSE)
            return
        if await _commit(stored, lifecycle.give_up(stored.registry, now), now, ports):
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
    wait = stored.registry.visit.due - now
    if _EARLY < wait <= visits.LONGEST_WAIT:
        return wait  # the cloud wants to be left alone for so long
    lease = stored.registry.lease
    if lease.expires is not None and lease.is_held(now):
        return min(lease.expires - now, _LOOK_AGAIN)
    return None


def _storage_pause(message: Message, now: datetime) -> timedelta:
    """Return how long to wait for storage: twice as long each time, lest lost answers make ever more messages."""
    return min(max(_STORAGE_PAUSE, now - message.announced_at), DEADLINE)


async def _note(error: Exception, message: Message, ports: Ports) -> None:
    """Write down what a visit was broken off by, if that can be done at once and its operation is still under way."""
    with suppress(StorageUnavailable):
        stored = await ports.store.read(message.key)
        if stored is None or stored.registry.state.is_terminal or stored.registry.serial != message.serial:
            return
        if stored.registry.visit.broken_by != type(error).__name__:
            await _commit(stored, visits.break_off(stored.registry, error), ports.clock.now(), ports)


def _is_due(registry: Registry, message: Message) -> bool:
    """Tell whether a message is the one that the registry waits for."""
    return not registry.state.is_terminal and registry.visit.token in {message.visit, message.follows}


def _next_token(registry: Registry, message: Message, ports: Ports) -> str:
    """Return a token for the next visit: the one that was announced before, should it yet be written down."""
    return message.visit if message.follows == registry.visit.token else ports.ids.visit_token()


async def _commit(stored: Stored, registry: Registry | None, now: datetime, ports: Ports) -> bool:
    """Put a registry in the place of what is stored; tell whether nobody was faster."""
    try:
        await announcing.commit(_commit_of(stored, registry, now), ports)
    except Conflict:
        return False
    return True


def _commit_of(stored: Stored, registry: Registry | None, now: datetime) -> Commit:
    return commit_of(stored, registry, service_of(stored.registry.tenant), now)


async def _take_lease(stored: Stored, begun: Registry, now: datetime, ports: Ports) -> Stored | None:
    """Return the registry as it is stored with its lease taken, None when somebody else was faster."""
    commit = _commit_of(stored, begun, now)
    try:
        version = await announcing.commit(commit, ports)
    except Conflict:
        return None
    return Stored(commit.registry, version) if commit.registry is not None and version is not None else None


def _late(registry: Registry, now: datetime) -> float:
    return round((now - (registry.visit.first_due or registry.visit.due)).total_seconds(), 1)


def _tell(before: Registry, after: Registry | None, findings: Findings) -> None:
    """Log what a visit came to, in figures that can be counted and summed up."""
    failures = dict(Counter(failure.kind.value for failure in findings.failures.values()))
    for failure in visits.to_be_tried_again(after, findings):
        count(Counted.RETRIES, failure=failure.kind.value)
    with about(left=len(findings.remaining), failures=failures):
        _log.info("Visited.")
    if after is not None and drift.is_repaired(before, after):
        count(Counted.DRIFT_REPAIRED)


async def _end(begun: Stored, findings: Findings, ports: Ports) -> None:
    """Write down what was found, on top of whatever was accepted meanwhile, unless the lease was lost."""
    current: Stored | None = begun
    for _ in range(_ATTEMPTS):
        if current is None or current.registry.fence != begun.registry.fence:
            _log.warning("Lost the lease on '%s', %s.", begun.registry.spec.name, begun.registry.fence)
            return
        now = ports.clock.now()
        ended = visits.end_visit(current.registry, findings, now)
        if await _commit(current, ended, now, ports):
            _tell(current.registry, ended, findings)
            return
        current = await ports.store.read(begun.registry.key)
    raise Conflict(f"'{begun.registry.spec.name}' changes too fast to write down what was found.")
