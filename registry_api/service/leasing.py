"""Working under a lease: it is renewed for as long as the work takes, and the work ends when it is lost."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import TypeVar

from registry_api.domain import visits
from registry_api.domain.registry import service_of
from registry_api.service.ports import Conflict, Ports, StorageUnavailable, Stored
from registry_api.service.recording import commit_of

_RENEW_AFTER_SECONDS = visits.LEASE.total_seconds() / 3

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


async def under_lease(begun: Stored, work: Coroutine[object, object, _T], ports: Ports) -> _T | None:
    """Return what work leads to, None if it was stopped because the lease was lost.

    Args:
        begun: The registry as it was stored when the lease was taken.
        work: What to do while it is held.
        ports: Where the lease is kept.
    """
    working, renewing = asyncio.ensure_future(work), asyncio.ensure_future(_renew(begun, ports))
    try:
        await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, renewing):
            task.cancel()
        await asyncio.gather(working, renewing, return_exceptions=True)


async def _renew(begun: Stored, ports: Ports) -> None:
    """Renew the lease again and again; return when it is lost."""
    held = begun.registry
    while held.lease.is_held(ports.clock.now()):
        await asyncio.sleep(_RENEW_AFTER_SECONDS)
        try:
            stored = await ports.store.read(held.key)
            if stored is None or stored.registry.fence != begun.registry.fence:
                break
            now = ports.clock.now()
            renewed = visits.renew_lease(stored.registry, now)
            await ports.store.commit(commit_of(stored, renewed, service_of(held.tenant), now))
            held = renewed
        except (Conflict, StorageUnavailable):
            _log.warning("The lease on '%s' is not renewed.", held.spec.name, exc_info=True)
    _log.warning("The lease on '%s' is lost.", held.spec.name)
