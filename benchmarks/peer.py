"""The straight peer: the same verbs with FastAPI and the SDKs of Azure, all with their defaults.

It makes the same storage calls and has less to do around them: it asks nobody who is calling and what they may do,
looks at no condition and no rule that spans fields, and keeps smaller rows.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Self
from uuid import uuid4

from azure.core import MatchConditions
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableServiceClient
from azure.storage.queue.aio import QueueServiceClient
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field

_NAME = "peer"  # of its table and its queue
_HISTORY = ("operation", "revision", "event")  # what a change leaves behind, beside the registry


class Region(BaseModel):
    """A region of a registry."""

    model_config = ConfigDict(extra="forbid")

    location: str


class Spec(BaseModel):
    """A registry as its owner wants it."""

    model_config = ConfigDict(extra="forbid")

    description: str | None = Field(None, max_length=1000)
    tags: dict[str, str] = {}
    location: str
    replication_locations: list[Region] = []


class Registry(BaseModel):
    """A registry as it is kept and shown."""

    name: str
    spec: Spec
    state: str
    changed_at: datetime


class Peer:
    """The peer's app, and how it is asked.

    Args:
        connection_string: Where it keeps its data.
    """

    def __init__(self, connection_string: str) -> None:
        self._tables = TableServiceClient.from_connection_string(connection_string)
        self._queues = QueueServiceClient.from_connection_string(connection_string)
        self._table = self._tables.get_table_client(_NAME)
        self._queue = self._queues.get_queue_client(_NAME)
        self._app = FastAPI()
        self._app.get("/api/registries/{name}")(self._get)
        self._app.put("/api/registries/{name}", status_code=201)(self._put)

    async def __aenter__(self) -> Self:
        await self._table.create_table()
        await self._queue.create_queue()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tables.close()
        await self._queues.close()

    async def ask(self, method: str, path: str, body: bytes = b"") -> int:
        """Ask as a server does that speaks ASGI, and return the status."""
        statuses: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        headers = [(b"host", b"127.0.0.1:7071"), (b"content-type", b"application/json")]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": f"/api/{path}",
            "raw_path": f"/api/{path}".encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [*headers, (b"content-length", str(len(body)).encode())],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 7071),
        }
        app: Callable[[Any, Any, Any], Awaitable[None]] = self._app
        await app(scope, receive, send)
        return statuses[0]

    async def _get(self, name: str) -> Registry:
        try:
            entity = await self._table.get_entity(name, "registry")
        except ResourceNotFoundError:
            raise HTTPException(404) from None
        return Registry.model_validate_json(entity["data"])

    async def _put(self, name: str, spec: Spec) -> Registry:
        try:
            etag = (await self._table.get_entity(name, "registry")).metadata["etag"]
        except ResourceNotFoundError:
            etag = None
        registry = Registry(name=name, spec=spec, state="Accepted", changed_at=datetime.now(UTC))
        await self._queue.send_message(f'{{"name":"{name}"}}', visibility_timeout=1)
        text = registry.model_dump_json()
        entity = {"PartitionKey": name, "RowKey": "registry", "data": text}
        first: Any = ("create", entity)
        if etag is not None:
            only_if = {"mode": UpdateMode.REPLACE, "etag": etag, "match_condition": MatchConditions.IfNotModified}
            first = ("update", entity, only_if)
        change = uuid4().hex
        rest = [("create", {"PartitionKey": name, "RowKey": f"{kind}:{change}", "data": text}) for kind in _HISTORY]
        await self._table.submit_transaction([first, *rest])
        return registry
