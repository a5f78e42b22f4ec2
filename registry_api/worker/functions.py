"""The functions of the queues and of the timer. What they need is imported when they are first called."""

import azure.functions as func

from registry_api.storage.names import NOTICES, QUEUE

blueprint = func.Blueprint()  # type: ignore[no-untyped-call] # the SDK's class has no annotations


@blueprint.function_name("provision")
@blueprint.queue_trigger(arg_name="message", queue_name=QUEUE, connection="AzureWebJobsStorage")
async def provision(message: func.QueueMessage) -> None:
    """Visit the registry that a message names."""
    from registry_api.worker import provisioning  # noqa: PLC0415 - a cold start must not wait for it

    await provisioning.provision(message)


@blueprint.function_name("provision_poison")
@blueprint.queue_trigger(arg_name="message", queue_name=f"{QUEUE}-poison", connection="AzureWebJobsStorage")
async def provision_poison(message: func.QueueMessage) -> None:
    """End the operation whose message failed too often."""
    from registry_api.worker import provisioning  # noqa: PLC0415 - the same

    await provisioning.give_up(message)


@blueprint.function_name("resync")
@blueprint.timer_trigger(arg_name="timer", schedule="*/15 * * * * *")
async def resync(timer: func.TimerRequest) -> None:
    """Find what no message will bring about."""
    from registry_api.worker import provisioning  # noqa: PLC0415 - the same

    del timer
    await provisioning.tick()


@blueprint.function_name("notify")
@blueprint.queue_trigger(arg_name="message", queue_name=NOTICES, connection="AzureWebJobsStorage")
async def notify(message: func.QueueMessage) -> None:
    """Tell subscribers what a notice announces."""
    from registry_api.worker import notification  # noqa: PLC0415 - the same

    await notification.notify(message)


@blueprint.function_name("notify_poison")
@blueprint.queue_trigger(arg_name="message", queue_name=f"{NOTICES}-poison", connection="AzureWebJobsStorage")
async def notify_poison(message: func.QueueMessage) -> None:
    """Say that a notice failed too often."""
    from registry_api.worker import notification  # noqa: PLC0415 - the same

    await notification.give_up(message)
