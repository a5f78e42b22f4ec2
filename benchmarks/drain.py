"""How fast a backlog of visits is worked off, beside their storage calls alone: `python -m benchmarks.drain ...`.

The cloud is a twin in memory, where everything is done at once, so that a registry takes one step. The messages are
given to the function as the host gives them; that the host takes them from the queue is on neither side.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import azure.functions as func

from benchmarks import app
from benchmarks.process import ask
from benchmarks.seeding import seed
from benchmarks.table import Goal, Line
from registry_api import bootstrap
from registry_api.domain.names import RegistryKey
from registry_api.service.messages import Message
from registry_api.storage.keys import partition_of
from registry_api.storage.messages import encode
from tests.service.world import MemoryBackend

_AT_A_TIME = 16  # as many messages the host takes at a time
_TENANT = str(UUID(int=1))


def measure(connection_string: str, backlog: int, resting: int, blocks: int) -> list[Line]:
    """Measure in a process of its own.

    Args:
        connection_string: Where the app keeps its data.
        backlog: How many registries wait for their visit.
        resting: How many others there are in the second half.
        blocks: How often a backlog is worked off in each half.
    """
    (alone, bare), (crowded, bare_crowded) = ask(
        "benchmarks.drain", connection_string, str(backlog), str(resting), str(blocks)
    )
    return [
        Line(
            f"steps from a backlog of {backlog}",
            f"calls {bare:.0f}/s",
            f"{alone:.0f}/s",
            alone / bare,
            Goal(0.6, at_least=True),
        ),
        Line(
            f"the same among {resting:,} at rest, beside it",
            f"calls {bare_crowded:.0f}/s",
            f"{crowded:.0f}/s",
            crowded / bare_crowded / (alone / bare),
            Goal(0.9, at_least=True),  # no slower, but for noise
        ),
    ]


async def _measure(connection_string: str, backlog: int, resting: int, blocks: int) -> list[list[float]]:
    app.install(connection_string)
    functions = app.functions()
    cloud = MemoryBackend()
    app_module: Any = bootstrap
    app_module.backend = lambda: cloud

    async def put(name: str) -> Message:
        recorder = app.Recorder.install()
        app.expect(201, await functions["put_registry"](app.request("PUT", f"registries/{name}", app.DOCUMENT)))
        (message,) = (call.arguments[0] for call in recorder.uninstall() if call.method == "send")
        return Message.model_validate(message)

    async def step(message: Message) -> None:
        await functions["provision"](func.QueueMessage(id="message", body=encode(message)))

    async def backlogged() -> list[Message]:
        return [await put(f"drain-{uuid4().hex[:20]}") for _ in range(backlog)]

    first = await put(f"drain-{uuid4().hex[:8]}")
    recorder = app.Recorder.install()
    await step(first)
    calls = [*recorder.uninstall()]

    async def bare(message: Message) -> None:
        await app.replay(calls, partition_of(RegistryKey(message.tenant, message.name)))

    async def half() -> list[float]:
        rates: list[list[float]] = [[], []]
        for number in range(blocks + 1):
            messages = await backlogged()
            for one, found in zip((step, bare), rates, strict=True):
                rate = await _rate(one, iter(messages), backlog)
                if number:
                    found.append(rate)
        return [median(found) for found in rates]

    alone = await half()
    await seed(recorder.rows, _TENANT, first.name, range(resting))
    return [alone, await half()]


async def _rate(one: Callable[[Message], Awaitable[None]], messages: Iterator[Message], count: int) -> float:
    async def worker() -> None:
        for message in messages:
            await one(message)

    began = perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_A_TIME):
            group.create_task(worker())
    return count / (perf_counter() - began)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(sys.argv[1], *map(int, sys.argv[2:])))))
