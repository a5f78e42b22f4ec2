"""What a worker is doing just now, as seen from between it and its storage."""

import asyncio
import re
from dataclasses import dataclass, field
from http import HTTPMethod, HTTPStatus

from aiohttp import web

from registry_api.storage.names import QUEUE

_MESSAGES = f"/{QUEUE}/messages"
_PARTITION = re.compile(rb"PartitionKey='([^']+)',RowKey='registry'")
_LEASE = re.compile(rb'lease\\+":\{\\+"epoch\\+":\d+,\\+"expires\\+":(null)?')


@dataclass
class Watch:
    """Counts the messages that a worker has received and not ended, and the leases that it holds."""

    received: int = 0
    done: int = 0
    leased: set[bytes] = field(default_factory=set)
    has_message: asyncio.Event = field(default_factory=asyncio.Event)
    has_lease: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self) -> None:
        """Forget what the process before has done."""
        self.received = self.done = 0
        self.leased.clear()
        self.has_message.clear()
        self.has_lease.clear()

    def ended(self) -> None:
        """Note that the worker has said that it is done with a message."""
        self.done += 1

    @property
    def in_work(self) -> int:
        """Return how many messages are being worked on."""
        return max(self.received - self.done, 0)

    @property
    def visits(self) -> int:
        """Return how many visits have taken the lease and not given it back."""
        return min(self.in_work, len(self.leased))

    def queue(self, request: web.BaseRequest, _: bytes, answer: web.Response) -> None:
        """Look at what the worker was answered by its queue."""
        if request.method != HTTPMethod.GET or answer.status != HTTPStatus.OK or not request.path.endswith(_MESSAGES):
            return
        self.received += _content(answer).count(b"<QueueMessage>")
        if self.received:
            self.has_message.set()

    def table(self, request: web.BaseRequest, body: bytes, answer: web.Response) -> None:
        """Look at what the worker has written into its table."""
        if not request.path.endswith("/$batch") or (found := _PARTITION.search(body)) is None:
            return
        if b"HTTP/1.1 4" in _content(answer):
            return
        lease = _LEASE.search(body)
        if lease is None or lease[1]:
            self.leased.discard(found[1])
        else:
            self.leased.add(found[1])
            self.has_lease.set()


def _content(answer: web.Response) -> bytes:
    return bytes(answer.body) if isinstance(answer.body, bytes | bytearray) else b""
