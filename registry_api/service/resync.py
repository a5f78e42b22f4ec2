"""The safety net under the queue: a walk over all registries that finds what no message will bring about.

Each tick does a bounded part of the walk and notes where the next one goes on. A tick that dies is done again.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from registry_api.domain import drift, lifecycle, visits
from registry_api.domain.caller import service_of
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.registry import Registry, Visit
from registry_api.service import announcing, delivering
from registry_api.service.announcing import announce
from registry_api.service.backend import Backend
from registry_api.service.ports import Conflict, ContinuationError, Ports, StorageUnavailable
from registry_api.service.reconcile import OVERDUE
from registry_api.service.recording import commit_of
from registry_api.service.records import Progress, Stored
from registry_api.service.showing import FORM
from registry_api.service.work import look
from registry_api.telemetry import Counter, about, count, span, traceparent

ROWS_PER_PAGE = 100
NET_PAGES = 5
NET_TIME = timedelta(seconds=10)  # after which a tick tends no further registry
CHECKING_TIME = timedelta(seconds=5)  # after which it begins no further look at the cloud
_GRACE = timedelta(minutes=2)  # for the visit that ends an overdue operation better, because it knows more

_log = logging.getLogger(__name__)

_Task = Callable[[Stored, datetime], Awaitable[None]]


async def tick(*, ports: Ports, backend: Backend) -> None:
    """Do the next part of each walk.

    Raises:
        StorageUnavailable: If storage does not answer; the same part is done again.
    """
    progress = await ports.store.read_progress()
    ends = ports.clock.now() + NET_TIME
    for _ in range(NET_PAGES):
        following = await _next_page(progress.net, partial(_tend, ports=ports), ends, ports)
        progress = await _keep(progress, progress.model_copy(update={"net": following}), ports)
        if following is None or ports.clock.now() >= ends:
            break
    ends = ports.clock.now() + CHECKING_TIME
    checks = await _next_page(progress.checks, partial(_check, ports=ports, backend=backend), ends, ports)
    progress = await _keep(progress, progress.model_copy(update={"checks": checks}), ports)
    outstanding = await delivering.remind(progress.outstanding, ROWS_PER_PAGE, ports=ports)
    progress = await _keep(progress, progress.model_copy(update={"outstanding": outstanding}), ports)
    retention = await _sweep(progress.retention, ports)
    await _keep(progress, progress.model_copy(update={"retention": retention}), ports)


async def _keep(before: Progress, after: Progress, ports: Ports) -> Progress:
    if after != before:
        await ports.store.keep_progress(after)
    return after


async def _next_page(continuation: str | None, task: _Task, ends: datetime, ports: Ports) -> str | None:
    """Do a task for a page of registries, or for as many of them as there is time for; return where to go on.

    It is done for one at least, and what fails is done again in the next walk: so every tick comes further.
    """
    try:
        page = await ports.store.walk(ROWS_PER_PAGE, continuation)
    except ContinuationError:  # an older version of the app noted it
        continuation = None
        page = await ports.store.walk(ROWS_PER_PAGE, continuation)
    for done, stored in enumerate(page.items):
        now = ports.clock.now()
        if done and now >= ends:
            return (await ports.store.walk(done, continuation)).continuation
        name, tenant = stored.registry.spec.name, stored.registry.tenant
        with about(registry=name, tenant=tenant):
            try:
                await task(stored, now)
            except Conflict:
                continue  # somebody is at it
            except StorageUnavailable:
                _log.warning("'%s' cannot be tended now.", name, exc_info=True)
            except Exception:  # noqa: BLE001 - what is wrong with one registry must not hold back the others
                _log.exception("'%s' cannot be tended.", name)
    return page.continuation


async def _sweep(continuation: str | None, ports: Ports) -> str | None:
    now = ports.clock.now()
    try:
        return await ports.store.sweep(ROWS_PER_PAGE, continuation, now)
    except ContinuationError:  # the same
        return await ports.store.sweep(ROWS_PER_PAGE, None, now)


async def _tend(stored: Stored, now: datetime, *, ports: Ports) -> None:
    """Bring about what no message will."""
    registry = stored.registry
    if registry.operation.is_overdue(now - _GRACE):
        await _commit(stored, lifecycle.time_out(registry, now), now, ports)
        _log.error(OVERDUE, registry.operation.id, registry.spec.name)
    elif visits.is_forgotten(registry, now):
        reminded = visits.remind(registry, now)
        await announce(ports.queue, reminded, now)
        await _commit(stored, reminded, now, ports)
    elif registry.form != FORM:
        await _commit(stored, registry, now, ports)


async def _check(stored: Stored, now: datetime, *, ports: Ports, backend: Backend) -> None:
    """Look whether a registry has drifted, if it is time to, and begin to repair it unless it is paused."""
    if not drift.is_to_be_checked(stored.registry, now):
        return
    with span("check"):
        await _look(stored, ports, backend)


async def _look(stored: Stored, ports: Ports, backend: Backend) -> None:
    findings = await look(stored.registry, backend, ports.clock)
    now = ports.clock.now()
    registry = drift.checked(stored.registry, findings, now)
    if drifted := len(drift.seen_to_drift(findings)):
        with about(drifted=drifted):
            _log.warning("The cloud is not as it was made.")
    if drift.is_to_be_repaired(registry, findings):
        acceptance = Acceptance(
            caller=service_of(registry.tenant),
            now=now,
            operation_id=ports.ids.operation_id(registry.key, now),
            visit=Visit(token=ports.ids.visit_token(), due=now + visits.FIRST_VISIT_DELAY),
            traceparent=traceparent(),
        )
        registry = lifecycle.retry(registry, acceptance)
        await announce(ports.queue, registry, now)
    await _commit(stored, registry, now, ports)
    if drift.is_found(stored.registry, registry):
        count(Counter.DRIFT_FOUND, drifted)
    if drift.is_repaired(stored.registry, registry):
        count(Counter.DRIFT_REPAIRED)


async def _commit(stored: Stored, registry: Registry, now: datetime, ports: Ports) -> None:
    await announcing.commit(commit_of(stored, registry, service_of(registry.tenant), now), ports)
