"""What the messages of a queue say."""

import hashlib
import logging
from typing import TypeVar

import azure.functions as func
from pydantic import BaseModel, ValidationError

from registry_api import bootstrap

_log = logging.getLogger(__name__)
_Content = TypeVar("_Content", bound=BaseModel)


async def read(model: type[_Content], message: func.QueueMessage) -> _Content | None:
    """Return what a message says; one that nobody can read is kept where somebody can look at it."""
    body = message.get_body()
    try:
        return model.model_validate_json(body)
    except ValidationError:
        ports = bootstrap.app().ports
        await ports.store.quarantine(message.id or hashlib.sha256(body).hexdigest(), body, ports.clock.now())
        _log.error("Message %s of %d bytes cannot be read; it is in quarantine.", message.id, len(body))
        return None
