"""Queues in Azure Storage, by its SDK."""

from contextlib import suppress
from datetime import timedelta
from functools import cached_property

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import StorageErrorCode
from azure.storage.queue.aio import QueueClient
from pydantic import BaseModel

from registry_api.storage.connection import Connection, Endpoint
from registry_api.storage.messages import encode, whole_seconds
from tests.contract.sdk.client import bounded, client_options, code_of

_SERVICE = "Queue storage"
_NEVER = -1


class SdkQueue:
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
        async with bounded(_SERVICE):
            with suppress(ResourceNotFoundError):
                await self._client.get_queue_properties()

    async def send(self, message: BaseModel, delay: timedelta) -> None:
        """Put a message on the queue, to be seen after a delay of whole seconds.

        When the answer is lost it is sent again: a second message does no harm.
        """
        async with bounded(_SERVICE):
            try:
                return await self._send(message, delay)
            except HttpResponseError as error:
                if code_of(error) != StorageErrorCode.QUEUE_NOT_FOUND.value:
                    raise
            with suppress(ResourceExistsError):
                await self._client.create_queue()
            return await self._send(message, delay)

    async def close(self) -> None:
        """Give the connections back."""
        if "_client" in vars(self):
            await self._client.close()
            del self._client

    @cached_property
    def _client(self) -> QueueClient:
        options = {"initial_backoff": 0, "increment_base": 0, "random_jitter_range": 1, **client_options()}
        if isinstance(self._connection, Endpoint):
            return QueueClient(self._connection.url, self._name, credential=self._connection.credential, **options)
        return QueueClient.from_connection_string(self._connection, self._name, **options)

    async def _send(self, message: BaseModel, delay: timedelta) -> None:
        await self._client.send_message(
            encode(message).decode(), visibility_timeout=whole_seconds(delay), time_to_live=_NEVER
        )
