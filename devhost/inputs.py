"""The objects that functions receive, built with the library's own classes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.functions import meta
from azure.functions.http import HttpRequest
from azure.functions.queue import QueueMessage
from azure.functions.timer import TimerRequestConverter

from devhost.app import Function
from devhost.messages import Request


@dataclass(frozen=True)
class Delivery:
    """A queue message as it was received, with its text decoded."""

    id: str
    text: bytes
    dequeue_count: int = 1
    inserted_on: datetime | None = None
    expires_on: datetime | None = None
    next_visible_on: datetime | None = None
    pop_receipt: str | None = None


def http_input(request: Request, route_values: Mapping[str, str]) -> HttpRequest:
    """Return the request with its body as bytes, whatever its content type is."""
    return HttpRequest(
        request.method,
        request.url,
        headers=request.headers,
        params=request.query,
        route_params=route_values,
        body_type="bytes",
        body=request.body,
    )


def queue_input(function: Function, delivery: Delivery) -> QueueMessage | str:
    """Return the message, or only its text if the function is annotated so."""
    text = delivery.text.decode("utf-8", "replace")
    if function.annotations.get(function.trigger["name"]) in (str, bytes):
        return text
    binary = function.trigger.get("dataType") == "BINARY"
    return QueueMessage(  # type: ignore[no-untyped-call]
        id=delivery.id,
        body=delivery.text if binary else text,
        dequeue_count=delivery.dequeue_count,
        expiration_time=delivery.expires_on,
        insertion_time=delivery.inserted_on,
        time_next_visible=delivery.next_visible_on,
        pop_receipt=delivery.pop_receipt,
    )


def timer_input(*, last: datetime | None = None, following: datetime | None = None) -> Any:
    """Return the timer information (azure-webjobs-sdk-extensions, TimerInfo.cs)."""
    status = None
    if following:
        status = {
            "Last": (last or datetime.min).isoformat(),  # noqa: DTZ901 - .NET's default value
            "Next": following.isoformat(),
            "LastUpdated": (last or datetime.min).isoformat(),  # noqa: DTZ901 - the same
        }
    info = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": False}
    return TimerRequestConverter.decode(meta.Datum(json.dumps(info), "json"), trigger_metadata=None)
