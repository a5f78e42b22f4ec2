"""The safety net under the queue: a walk over all registries that finds what no message will bring about.

Each tick does a bounded part of the walk and notes where the next one goes on. A tick that dies is done again.
"""

import logging
from datetime import datetime, timedelta

from registry_api.domain import drift, lifecycle, visits
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.registry import Registry, Visit, service_of
from registry_api.service.announcing import announce
from registry_api.service.ports import Backend, Conflict, Page, Ports, Progress, StorageUnavailable, Stored
from registry_api.service.recording import commit_of
from registry_api.service.work import look

PAGES_PER_TICK = 5
ROWS_PER_PAGE = 100
CHECKING_TIME = timedelta(seconds=5)  # after which a tick begins no further look at the cloud
_GRACE = timedelta(minutes=2)  # for the visit that ends an overdue operation better, because it knows more

_log = logging.getLogger(__name__)


async def tick(*, ports: Ports, backend: Backend) -> None:
    """Do the next part of the walk.

    Raises:
        StorageUnavailable: If storage does not answer; the same part is done again.
    """
    progress = await ports.store.read_progress()
    began = ports.clock.now()
    following = progress.registries
    for _ in range(PAGES_PER_TICK):
        page = await _page(following, ports)
        for stored in page.items:
            await _tend(stored, began, ports, backend)
        following = page.continuation
        if following is None:
            break
    retention = await _sweep(progress.retention, began, ports)
    await ports.store.keep_progress(Progress(registries=following, retention=retention))


async def _page(continuation: str | None, ports: Ports) -> Page[Stored]:
    try:
        return await ports.store.walk(ROWS_PER_PAGE, continuation)
    except ValueError:  # an older version of the app noted it
        return await ports.store.walk(ROWS_PER_PAGE, None)


async def _sweep(continuation: str | None, now: datetime, ports: Ports) -> str | None:
    try:
        return await ports.store.sweep(ROWS_PER_PAGE, continuation, now)
    except ValueError:  # the same
        return None


async def _tend(stored: Stored, began: datetime, ports: Ports, backend: Backend) -> None:
    """Do what has to be done about one registry; what is wrong with it must not hold back the others."""
    registry, now = stored.registry, ports.clock.now()
    try:
        if registry.operation.is_overdue(now - _GRACE):
            await _commit(stored, lifecycle.time_out(registry, now), now, ports)
        elif visits.is_forgotten(registry, now):
            reminded = visits.remind(registry, now)
            await announce(ports.queue, reminded, now)
            await _commit(stored, reminded, now, ports)
        elif drift.is_to_be_checked(registry, now) and now < began + CHECKING_TIME:
            await _check(stored, ports, backend)
    except Conflict:
        return  # somebody is at it
    except StorageUnavailable:
        raise
    except Exception:  # noqa: BLE001 - whatever it is, the walk goes on
        _log.exception("'%s' cannot be tended.", registry.spec.name)


async def _check(stored: Stored, ports: Ports, backend: Backend) -> None:
    """Look whether a registry has drifted, and begin to repair it unless it is paused."""
    findings = await look(stored.registry, backend, ports.clock)
    now = ports.clock.now()
    registry = drift.checked(stored.registry, findings, now)
    if findings.remaining and not findings.failures and not registry.spec.paused:
        acceptance = Acceptance(
            caller=service_of(registry.tenant),
            now=now,
            operation_id=ports.ids.operation_id(registry.key, now),
            visit=Visit(token=ports.ids.visit_token(), due=now + visits.FIRST_VISIT_DELAY),
        )
        registry = lifecycle.retry(registry, acceptance)
        await announce(ports.queue, registry, now)
    await _commit(stored, registry, now, ports)


async def _commit(stored: Stored, registry: Registry, now: datetime, ports: Ports) -> None:
    await ports.store.commit(commit_of(stored, registry, service_of(registry.tenant), now))
