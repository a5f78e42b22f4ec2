"""How often each verb goes to storage, counted by storage: `python -m benchmarks.trips CONNECTION TABLE QUEUE` (ports).

The app makes its calls through proxies, which count what arrives: a call that is sent again counts again. Beside them
stand the calls that the app made at its table and its queue, so the difference is what was retried. What the host does
with the queue is not counted. The cloud is a twin in memory, where everything is done at once, so a change takes one
step. Nobody subscribes; a subscriber costs a message for each change and each end.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast
from uuid import UUID, uuid4

import azure.functions as func

from benchmarks import app
from benchmarks.process import ask
from benchmarks.table import Goal, Line
from devstack.azurite import Azurite
from registry_api import bootstrap
from registry_api.domain.names import RegistryKey
from registry_api.storage.keys import OPERATION, partition_of
from registry_api.storage.messages import encode
from tests.contract.faulty import FaultyProxy
from tests.service.world import MemoryBackend

GOALS = {"get": 1, "page": 1, "create": 3, "update": 3, "worker step": 4}
"""How many round trips a verb may make."""

_DOCUMENT_AFTER = app.DOCUMENT.replace(b'"foo":"bar"', b'"foo":"baz"')
_OTHERS = 20  # registries on the page
_TENANT = str(UUID(int=1))

_Request = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Kept:
    """What there is more afterwards."""

    rows: int
    characters: int


@dataclass(frozen=True, slots=True)
class Trips:
    """What one use of a verb comes to."""

    table: int
    queue: int
    calls: int
    entities: int  # of one partition, read or written
    operations: Kept  # which are not kept for as long as the others
    others: Kept

    @property
    def total(self) -> int:
        """Return how often storage was gone to."""
        return self.table + self.queue

    @property
    def retries(self) -> int:
        """Return how many of these times were not the first for their call."""
        return self.total - self.calls


def count(storage: Azurite) -> Mapping[str, Trips]:
    """Count in a process of its own; those of `tick` are of a resync that finds nothing to do on one page."""
    ports = (str(port) for port in (storage.ports.table, storage.ports.queue))
    found = ask("benchmarks.trips", storage.connection_string(), *ports)
    return {
        verb: Trips(**trips | {kind: Kept(**trips[kind]) for kind in ("operations", "others")})
        for verb, trips in found.items()
    }


def lines(found: Mapping[str, Trips]) -> list[Line]:
    """Return a line for each verb, and one for what was retried."""
    verbs = [
        Line(
            f"storage round trips: {verb}",
            "counted",
            f"table {found[verb].table}, queue {found[verb].queue}",
            found[verb].total,
            Goal(most, "trips"),
        )
        for verb, most in GOALS.items()
    ]
    retries = sum(trips.retries for trips in found.values())
    return [*verbs, Line("storage round trips: retries", "counted", "all of the above", retries, Goal(0, "trips"))]


async def _count(connection_string: str, table_port: int, queue_port: int) -> dict[str, Trips]:
    async with FaultyProxy(table_port) as table, FaultyProxy(queue_port) as queue:
        app.install(queue.before(table.before(connection_string)))
        functions, cloud, app_module = app.functions(), MemoryBackend(), cast("Any", bootstrap)
        app_module.backend = lambda: cloud
        name = f"trips-{uuid4().hex[:16]}"
        message: list[bytes] = []

        async def put(name: str, document: bytes, status: int = 201) -> None:
            app.expect(status, await functions["put_registry"](app.request("PUT", f"registries/{name}", document)))

        async def get(state: bytes = b"") -> None:
            answer = app.expect(200, await functions["get_registry"](app.request("GET", f"registries/{name}")))
            if state not in answer.get_body():
                raise RuntimeError(answer.get_body().decode())

        async def page() -> None:
            app.expect(200, await functions["list_registries"](app.request("GET", "registries", query="?top=100")))

        async def step() -> None:
            await functions["provision"](func.QueueMessage(id="message", body=message[0]))

        async def tick() -> None:
            await functions["resync"](None)

        async def kept() -> dict[str, int]:
            found = await bootstrap.app().rows.range(partition_of(RegistryKey.of(_TENANT, name)), " ", "~~", 1000, None)
            return {row.key: len(row.text) for row in found.rows}

        async def taken(request: _Request) -> Trips:
            before = await kept()
            table.methods.clear()
            queue.methods.clear()
            recorder = app.Recorder.install()
            await request()
            calls = recorder.uninstall()
            message[:] = [encode(call.arguments[0]) for call in calls if call.method == "send"]
            arrived, entities = (len(table.methods), len(queue.methods)), sum(map(_entities, calls))
            return Trips(*arrived, len(calls), entities, *_difference(before, await kept()))

        for _ in range(_OTHERS):  # the first one makes the table and the queue
            await put(f"trips-{uuid4().hex[:20]}", app.DOCUMENT)
        await tick()
        found = {"create": await taken(lambda: put(name, app.DOCUMENT)), "worker step": await taken(step)}
        await get(b'"provisioning_state":"Succeeded"')
        found["get"] = await taken(get)
        found["update"] = await taken(lambda: put(name, _DOCUMENT_AFTER, 200))
        found["step of an update"] = await taken(step)
        return found | {"page": await taken(page), "tick": await taken(tick)}


def _entities(call: app.StorageCall) -> int:
    """Return how many rows of its registry's partition a call names."""
    return len(call.arguments[1]) if call.method == "transact" else int(call.method == "get")


def _difference(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[Kept, Kept]:
    """Return what there is more of operations, and of everything else, from the characters in every row."""

    def kept(rows: Mapping[str, int], *, operations: bool) -> list[int]:
        return [size for key, size in rows.items() if key.startswith(OPERATION) == operations]

    def more(*, operations: bool) -> Kept:
        old, new = kept(before, operations=operations), kept(after, operations=operations)
        return Kept(len(new) - len(old), sum(new) - sum(old))

    return more(operations=True), more(operations=False)


if __name__ == "__main__":
    counted = asyncio.run(_count(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
    print(json.dumps({verb: asdict(trips) for verb, trips in counted.items()}))
