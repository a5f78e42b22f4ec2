"""The functions that no caller waits for: one visit per message, an end for what fails too often, and the resync."""

import azure.functions as func

from registry_api import bootstrap
from registry_api.service import reconcile, resync
from registry_api.service.ports import Message
from registry_api.settings import QUEUE
from registry_api.telemetry import span
from registry_api.worker.messages import read

blueprint = func.Blueprint()  # type: ignore[no-untyped-call] # the SDK's class has no annotations


@blueprint.function_name("provision")
@blueprint.queue_trigger(arg_name="message", queue_name=QUEUE, connection="AzureWebJobsStorage")
async def provision(message: func.QueueMessage) -> None:
    """Visit the registry that a message names."""
    readable = await read(Message, message)
    if readable is not None:
        app = bootstrap.app()
        with span("provision", readable.traceparent, registry=readable.name, tenant=readable.tenant):
            await reconcile.visit(readable, ports=app.ports, backend=bootstrap.backend())


@blueprint.function_name("provision_poison")
@blueprint.queue_trigger(arg_name="message", queue_name=f"{QUEUE}-poison", connection="AzureWebJobsStorage")
async def provision_poison(message: func.QueueMessage) -> None:
    """End the operation whose message failed too often."""
    readable = await read(Message, message)
    if readable is not None:
        await reconcile.give_up(readable, ports=bootstrap.app().ports)


@blueprint.function_name("resync")
@blueprint.timer_trigger(arg_name="timer", schedule="*/15 * * * * *")
async def resync_timer(timer: func.TimerRequest) -> None:
    """Find what no message will bring about: lost messages, overdue operations, drift, and what is kept too long."""
    del timer
    await resync.tick(ports=bootstrap.app().ports, backend=bootstrap.backend())
