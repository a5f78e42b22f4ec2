"""The functions that no caller waits for: one visit per message, an end for what fails too often, and the resync."""

import hashlib
import logging

import azure.functions as func
from pydantic import ValidationError

from registry_api import bootstrap
from registry_api.service import reconcile, resync
from registry_api.service.ports import Message
from registry_api.settings import QUEUE

blueprint = func.Blueprint()  # type: ignore[no-untyped-call] # the SDK's class has no annotations

_log = logging.getLogger(__name__)


@blueprint.function_name("provision")
@blueprint.queue_trigger(arg_name="message", queue_name=QUEUE, connection="AzureWebJobsStorage")
async def provision(message: func.QueueMessage) -> None:
    """Visit the registry that a message names."""
    readable = await _read(message)
    if readable is not None:
        await reconcile.visit(readable, ports=bootstrap.app().ports, backend=bootstrap.backend())


@blueprint.function_name("provision_poison")
@blueprint.queue_trigger(arg_name="message", queue_name=f"{QUEUE}-poison", connection="AzureWebJobsStorage")
async def provision_poison(message: func.QueueMessage) -> None:
    """End the operation whose message failed too often."""
    readable = await _read(message)
    if readable is not None:
        await reconcile.give_up(readable, ports=bootstrap.app().ports)


@blueprint.function_name("resync")
@blueprint.timer_trigger(arg_name="timer", schedule="*/15 * * * * *")
async def resync_timer(timer: func.TimerRequest) -> None:
    """Find what no message will bring about: lost messages, overdue operations, drift, and what is kept too long."""
    del timer
    await resync.tick(ports=bootstrap.app().ports, backend=bootstrap.backend())


async def _read(message: func.QueueMessage) -> Message | None:
    """Return what a message says; one that nobody can read is kept where somebody can look at it."""
    body = message.get_body()
    try:
        return Message.model_validate_json(body)
    except ValidationError:
        ports = bootstrap.app().ports
        await ports.store.quarantine(message.id or hashlib.sha256(body).hexdigest(), body, ports.clock.now())
        _log.error("Message %s of %d bytes cannot be read; it is in quarantine.", message.id, len(body))
        return None
