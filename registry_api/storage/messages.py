"""How a message looks on the queue."""

import math
from datetime import timedelta

from pydantic import BaseModel


def encode(message: BaseModel) -> bytes:
    """Return a message as JSON."""
    return message.model_dump_json(exclude_none=True).encode()


def whole_seconds(delay: timedelta) -> int:
    """Return a delay as queues take it: not shorter than asked for."""
    return math.ceil(delay.total_seconds())
