"""What the functions that tell subscribers do."""

import logging

import azure.functions as func

from registry_api import bootstrap
from registry_api.service import delivering
from registry_api.service.messages import Notice
from registry_api.worker.messages import read

_log = logging.getLogger(__name__)


async def notify(message: func.QueueMessage) -> None:
    """Tell subscribers what a notice announces."""
    notice = await read(Notice, message)
    if notice is not None:
        await delivering.notify(notice, ports=bootstrap.app().ports, courier=bootstrap.courier())


async def give_up(message: func.QueueMessage) -> None:
    """Say that a notice failed too often. What it announced is still in the outbox: the resync announces it again."""
    notice = await read(Notice, message)
    if notice is not None:
        _log.error("Telling subscribers of '%s' failed too often; it is tried again later.", notice.name)
