"""Queues in Azure Storage."""

from datetime import timedelta
from functools import cached_property
from html import escape

from pydantic import BaseModel

from registry_api.storage.connection import Connection
from registry_api.storage.messages import encode, whole_seconds
from registry_api.storage.service import Service, StorageError

_VERSION = "2021-02-12"
_NEVER = "-1"
_QUEUE_NOT_FOUND = "QueueNotFound"
_XML = {"Content-Type": "application/xml"}


class StorageQueue:
    """A queue, which is made when the first message is sent.

    Args:
        connection: Where the storage account is, and what lets us in.
        name: The queue's name.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    async def check(self) -> None:
        """Do nothing but see whether the queue's storage answers; the queue itself is made at the first message."""
        async with self._service.bounded():
            try:
                await self._service.ask("GET", f"/{self._name}", query={"comp": "metadata"})
            except StorageError as error:
                if error.code != _QUEUE_NOT_FOUND:
                    raise

    async def send(self, message: BaseModel, delay: timedelta) -> None:
        """Put a message on the queue, to be seen after a delay of whole seconds.

        When the answer is lost it is sent again: a second message does no harm.
        """
        async with self._service.bounded():
            try:
                return await self._send(message, delay)
            except StorageError as error:
                if error.code != _QUEUE_NOT_FOUND:
                    raise
            await self._service.ask("PUT", f"/{self._name}", expected={201, 204, 409})
            return await self._send(message, delay)

    async def close(self) -> None:
        """Give the connections back."""
        if "_service" in vars(self):
            await self._service.close()
            del self._service

    @cached_property
    def _service(self) -> Service:
        return Service("queue", self._connection, _VERSION)

    async def _send(self, message: BaseModel, delay: timedelta) -> None:
        text = escape(encode(message).decode(), quote=False)
        body = f"<QueueMessage><MessageText>{text}</MessageText></QueueMessage>".encode()
        query = {"visibilitytimeout": str(whole_seconds(delay)), "messagettl": _NEVER}
        await self._service.ask("POST", f"/{self._name}/messages", query=query, headers=_XML, body=body, expected={201})
