"""Announce, then commit: before a row says that there is work, a message is on its way to do it."""

from datetime import datetime, timedelta

from registry_api.domain.registry import Registry, Visit
from registry_api.service.ports import Message, WorkQueue


async def announce(
    queue: WorkQueue, registry: Registry, visit: Visit, now: datetime, *, follows: str | None = None
) -> None:
    """Send the message for a visit.

    Args:
        queue: Where to send it.
        registry: The registry as it is about to be stored.
        visit: The visit that the registry's row is about to name.
        now: The time.
        follows: The token that the registry's row names until the visit is written down; None when a request announces
            a change, which is void if it is never written down.

    Raises:
        StorageUnavailable: If the message may not have been kept; then nothing must be committed.
    """
    key = registry.key
    message = Message(
        tenant=key.tenant,
        name=key.name,
        visit=visit.token,
        follows=follows,
        serial=registry.serial,
        announced_at=now,
        traceparent=registry.operation.traceparent,
    )
    await queue.send(message, max(visit.due - now, timedelta(0)))
