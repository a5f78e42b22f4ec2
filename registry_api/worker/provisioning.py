"""What is done without a caller: one visit per message, an end for what fails too often, and the resync."""

import azure.functions as func

from registry_api import bootstrap
from registry_api.service import reconcile, resync
from registry_api.service.messages import Message
from registry_api.worker.messages import read


async def provision(message: func.QueueMessage) -> None:
    """Visit the registry that a message names."""
    readable = await read(Message, message)
    if readable is not None:
        await reconcile.visit(readable, ports=bootstrap.app().ports, backend=bootstrap.backend())


async def give_up(message: func.QueueMessage) -> None:
    """End the operation whose message failed too often."""
    readable = await read(Message, message)
    if readable is not None:
        await reconcile.give_up(readable, ports=bootstrap.app().ports)


async def tick() -> None:
    """Find what no message will bring about: lost messages, overdue operations, drift, and what is kept too long."""
    await resync.tick(ports=bootstrap.app().ports, backend=bootstrap.backend())
