"""Announce, then commit: before a row says that there is work, a message is on its way to do it."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from registry_api.domain.delivery import REMIND_AFTER, Outstanding
from registry_api.domain.notifications import addressed
from registry_api.domain.operation import Operation
from registry_api.domain.registry import Registry, Visit
from registry_api.service.messages import Message, Notice
from registry_api.service.ports import Ports, WorkQueue
from registry_api.service.records import Commit
from registry_api.telemetry import Duration, about, measure, span, traceparent

_log = logging.getLogger(__name__)

_FIRST_NOTICE_DELAY = timedelta(seconds=1)


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
    with span("announce", message.traceparent):
        await queue.send(message, max(visit.due - now, timedelta(0)))


async def commit(change: Commit, ports: Ports) -> str | None:
    """Change everything or nothing, and announce before what subscribers are to be told of it.

    Every change of a registry goes this way. It costs a message if a subscriber is to be told, else nothing.

    Returns:
        The registry's new version, None when it is gone.

    Raises:
        Conflict: If the registry is no longer as it was read.
        StorageUnavailable: If it may or may not have been changed.
    """
    if ports.audience is not None:
        events = addressed(change.events, change.key.tenant, ports.audience.subscribers)
        newest = next((event for event in reversed(events) if event.subscribers), None)
        if newest is not None:
            outstanding = Outstanding(
                tenant=change.key.tenant,
                name=change.key.name,
                incarnation=newest.incarnation,
                through=newest.sequence,
                since=newest.time,
                due=newest.time + REMIND_AFTER,
            )
            change = replace(change, events=events, outstanding=outstanding)
            await ports.audience.queue.send(notice_of(outstanding, newest.time), _FIRST_NOTICE_DELAY)
    operation = change.registry.operation if change.registry is not None else None
    with span("commit", operation.traceparent if operation is not None else None):
        version = await ports.store.commit(change)
    for ended in change.operations:
        if ended.end_time is not None:
            with about(registry=ended.registry, tenant=change.key.tenant, operation=ended.id):
                _tell_of(ended, ended.end_time)
    return version


def _tell_of(operation: Operation, end_time: datetime) -> None:
    """Log that an operation has ended, however it did, in figures that can be counted and summed up."""
    status, kind = operation.status.value, operation.kind.value
    seconds = round((end_time - operation.start_time).total_seconds(), 1)
    measure(Duration.OPERATION, seconds, kind=kind, outcome=status)
    with about(status=status, kind=kind, duration_seconds=seconds):
        _log.info("The operation has ended.")


def notice_of(outstanding: Outstanding, now: datetime) -> Notice:
    """Return the notice that there is something to tell."""
    return Notice(
        tenant=outstanding.tenant,
        name=outstanding.name,
        incarnation=outstanding.incarnation,
        sequence=outstanding.through,
        announced_at=now,
        traceparent=traceparent(),
    )
