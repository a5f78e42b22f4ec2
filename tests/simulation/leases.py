"""Who may act on a registry: told from what was stored, and by whom, not from what the service believes."""

from collections.abc import Iterator
from datetime import datetime

from registry_api.domain.names import RegistryKey
from registry_api.domain.registry import CLOCK_SKEW, Registry
from registry_api.service.messages import Message
from tests.simulation.journal import Entry, Journal
from tests.simulation.processes import Process


class Leases:
    """Watches over the lease of every registry.

    Args:
        journal: What was stored.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._holders: dict[tuple[RegistryKey, str, int], Process] = {}
        self._messages: dict[Process, Message] = {}

    def note_message(self, process: Process, message: Message) -> None:
        """Note what a process was brought by."""
        self._messages[process] = message

    def may_start(self, process: Process, registry: Registry, now: datetime) -> bool:
        """Tell whether a process that knows a registry so may change the cloud for it now."""
        latest = self._journal.latest(registry.key)
        if latest is None or self._holder(latest) is not process or self._holder(registry) is not process:
            return False
        return latest.lease.expires is not None and now < latest.lease.expires

    def broken_rules(self, entry: Entry) -> Iterator[str]:
        """Yield what a commit does that only the holder of the lease may do."""
        before, after = entry.before, entry.after
        if before is None or (after is not None and after.serial != before.serial and after.lease == before.lease):
            return  # a request
        if after is None:
            if self._holder(before) is not entry.by:
                yield f"{entry.by.name} removes it and does not hold its lease"
        elif after.lease.epoch != before.lease.epoch:
            yield from self._taking(entry, before, after)
        elif (after.lease, after.resources) == (before.lease, before.resources):
            return
        elif self._holder(before) is not entry.by:
            yield f"{entry.by.name} changes its resources or its lease and does not hold it"

    def _taking(self, entry: Entry, before: Registry, after: Registry) -> Iterator[str]:
        self._holders[after.key, after.incarnation, after.lease.epoch] = entry.by
        expires, message = before.lease.expires, self._messages.get(entry.by)
        if after.lease.epoch != before.lease.epoch + 1:
            yield f"epoch {before.lease.epoch} becomes {after.lease.epoch}"
        if expires is not None and entry.at < expires - CLOCK_SKEW:
            yield f"{entry.by.name} takes a lease that is held until {expires}"
        if message is None or before.visit.token not in {message.visit, message.follows}:
            yield f"{entry.by.name} takes the lease unasked: nobody waits for its message"

    def _holder(self, registry: Registry) -> Process | None:
        return self._holders.get((registry.key, registry.incarnation, registry.lease.epoch))
