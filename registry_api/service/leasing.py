"""Working under a lease: it is renewed for as long as the work takes, and the work ends when it is lost."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from registry_api.domain import visits
from registry_api.domain.caller import service_of
from registry_api.domain.registry import CLOCK_SKEW, LEASE, Registry
from registry_api.service.announcing import commit
from registry_api.service.ports import Clock, Conflict, Ports, StorageUnavailable
from registry_api.service.recording import commit_of
from registry_api.service.records import Stored

_RENEW_AFTER_SECONDS = LEASE.total_seconds() / 3

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(slots=True)
class KeptLease:
    """A lease as its holder knows it. Without word of a renewal it ends, whatever the row says by then.

    It ends for its holder before it does for a machine whose clock is ahead.
    """

    clock: Clock
    expires: datetime

    @property
    def until(self) -> datetime:
        """Return when the holder may act no longer."""
        return self.expires - CLOCK_SKEW

    @property
    def is_held(self) -> bool:
        """Tell whether the holder may still act."""
        return self.clock.now() < self.until


async def under_lease(begun: Stored, work: Callable[[KeptLease], Awaitable[_T]], ports: Ports) -> _T | None:
    """Return what work leads to, None if there was no time for it or it was stopped because the lease was lost.

    Args:
        begun: The registry as it was stored when the lease was taken.
        work: What to do while it is held.
        ports: Where the lease is kept.
    """
    lease = KeptLease(ports.clock, begun.registry.lease.expires or ports.clock.now())
    if not lease.is_held:
        return None  # the answer that it is ours came too late
    working, renewing = asyncio.ensure_future(work(lease)), asyncio.ensure_future(_renew(lease, begun.registry, ports))
    try:
        await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        await renewing  # raises what nobody foresaw
        return None
    finally:
        for task in (working, renewing):
            task.cancel()
        await asyncio.gather(working, renewing, return_exceptions=True)


async def _renew(lease: KeptLease, begun: Registry, ports: Ports) -> None:
    """Renew the lease again and again; return when it is lost."""
    while lease.is_held:
        await asyncio.sleep(_RENEW_AFTER_SECONDS)
        try:
            async with asyncio.timeout((lease.until - ports.clock.now()).total_seconds()):
                stored = await ports.store.read(begun.key)
                if stored is None or stored.registry.fence != begun.fence:
                    break
                now = ports.clock.now()
                renewed = visits.renew_lease(stored.registry, now)
                await commit(commit_of(stored, renewed, service_of(begun.tenant), now), ports)
                lease.expires = now + LEASE
        except (Conflict, StorageUnavailable, TimeoutError):
            _log.warning("The lease on '%s' is not renewed.", begun.spec.name, exc_info=True)
    _log.warning("The lease on '%s' is lost.", begun.spec.name)
