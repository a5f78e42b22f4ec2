"""Announce, then commit: before a row says that there is work, a message is on its way to do it."""

from datetime import datetime, timedelta

from registry_api.domain.registry import Registry, Visit
from registry_api.service.ports import Message, WorkQueue


async def announce(queue: WorkQueue, registry: Registry, now: datetime, *, following: Visit | None = None) -> None:
    """Send the message for a registry's visit, or for the one that is to follow it.

    Args:
        queue: Where to send it.
        registry: The registry as it is stored, or as it is about to be stored.
        now: The time.
        following: The visit that the registry's row is about to name. Should it never be written down, the message
            still counts as one for the visit that it was to follow. Without it, the message is for the visit that the
            row names, and void if that was never committed.

    Raises:
        StorageUnavailable: If the message may not have been kept; then nothing must be committed.
    """
    key, visit = registry.key, following or registry.visit
    message = Message(
        tenant=key.tenant,
        name=key.name,
        visit=visit.token,
        follows=registry.visit.token if following else None,
        serial=registry.serial,
        announced_at=now,
        traceparent=registry.operation.traceparent,
    )
    await queue.send(message, max(visit.due - now, timedelta(0)))
