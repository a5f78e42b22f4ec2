"""The queue's functions: one visit per message, and an end for messages that fail too often."""

import azure.functions as func
from pydantic import ValidationError

from registry_api import bootstrap
from registry_api.service import reconcile
from registry_api.service.ports import Message
from registry_api.settings import QUEUE

blueprint = func.Blueprint()  # type: ignore[no-untyped-call] # the SDK's class has no annotations


class UnreadableMessageError(Exception):
    """A message on the poison queue is not one of ours."""


@blueprint.function_name("provision")
@blueprint.queue_trigger(arg_name="message", queue_name=QUEUE, connection="AzureWebJobsStorage")
async def provision(message: func.QueueMessage) -> None:
    """Visit the registry that a message names."""
    await reconcile.visit(
        Message.model_validate_json(message.get_body()), ports=bootstrap.app().ports, backend=bootstrap.backend()
    )


@blueprint.function_name("provision_poison")
@blueprint.queue_trigger(arg_name="message", queue_name=f"{QUEUE}-poison", connection="AzureWebJobsStorage")
async def provision_poison(message: func.QueueMessage) -> None:
    """End the operation whose message failed too often.

    Raises:
        UnreadableMessageError: Again and again, for as long as somebody has not looked at the message: the host
            keeps what fails on a poison queue (Microsoft.Azure.WebJobs, QueueProcessor).
    """
    try:
        readable = Message.model_validate_json(message.get_body())
    except ValidationError:
        size = len(message.get_body())
        raise UnreadableMessageError(f"Message {message.id} of {size} bytes cannot be read; it stays here.") from None
    await reconcile.give_up(readable, ports=bootstrap.app().ports)
