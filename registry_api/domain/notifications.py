"""What subscribers are told of what happens to registries, and which of them: CloudEvents 1.0 in structured JSON."""

import json
from collections.abc import Iterable, Sequence

from registry_api.domain.events import GONE, Event, EventType
from registry_api.domain.operation import OperationKind
from registry_api.domain.subscribers import NotificationType, Subscriber

_LONGEST_MESSAGE = 4096  # characters; a body stays far below what CloudEvents asks everybody to take, 64 KiB
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


def type_of(event: Event) -> NotificationType | None:
    """Return what subscribers call an event; None when none of them is told of it."""
    match event.type, event.operation_kind:
        case EventType.REQUEST_ACCEPTED, OperationKind.CREATE:
            return NotificationType.CREATED
        case (EventType.REQUEST_ACCEPTED, OperationKind.UPDATE) | (EventType.REQUEST_JOINED, _):
            return NotificationType.UPDATED
        case EventType.OPERATION_SUCCEEDED, _:
            return NotificationType.DELETED if event.state == GONE else NotificationType.PROVISIONED
        case EventType.OPERATION_FAILED, _:
            return NotificationType.FAILED
        case EventType.DRIFT_FOUND, _:
            return NotificationType.DRIFTED
    return None


def wants(subscriber: Subscriber, event: Event) -> bool:
    """Tell whether an event of the subscriber's tenant is one of those that it is told of."""
    return type_of(event) in subscriber.types


def addressed(events: Iterable[Event], tenant: str, subscribers: Iterable[Subscriber]) -> Sequence[Event]:
    """Return a tenant's events with the names of those who are to be told of each."""
    theirs = [subscriber for subscriber in subscribers if subscriber.tenant == tenant]
    return [
        event.model_copy(update={"subscribers": tuple(one.name for one in theirs if wants(one, event))})
        for event in events
    ]


def id_of(event: Event) -> str:
    """Return what the event is called by everybody who is told of it, however often.

    It has no full stop: that ends the id in what Standard Webhooks signs.
    """
    return f"{event.incarnation.replace('.', '-')}-{event.sequence}"


def cloud_event(event: Event) -> bytes:
    """Return an event as subscribers get it.

    Raises:
        ValueError: If subscribers are not told of it.
    """
    if (kind := type_of(event)) is None:
        raise ValueError(f"Nobody is told of event {event.sequence} of '{event.incarnation}'.")
    name, registry_id = event.registry, event.scope.registry_id(event.registry)
    told = {
        "specversion": "1.0",
        "id": id_of(event),
        "source": registry_id,
        "type": kind,
        "subject": name,
        "time": event.time.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "sequence": f"{event.sequence:010d}",  # the CloudEvents extension of that name: sorts as text
        "data": {
            "name": name,
            "id": registry_id,
            "incarnation": event.incarnation,
            "generation": event.generation,
            "provisioning_state": event.state,
            "operation": event.operation,
            "operation_kind": event.operation_kind,
            "actor": event.actor,
            "actor_type": event.actor_type,
            "message": event.message and event.message[:_LONGEST_MESSAGE],
        },
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
