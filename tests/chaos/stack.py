"""Everything that runs: Azurite, the proxies before it, the process that serves HTTP, the workers."""

import asyncio
import random
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from devhost.host import bind
from devstack import azurite as emulator
from devstack.azurite import Azurite
from tests.chaos.processes import HostProcess, Lifeline, Log
from tests.chaos.watch import Watch
from tests.chaos.weather import Weather
from tests.contract.faulty import FaultyProxy

_MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - only the parent of a folder with a name of its own
_READY_WITHIN = 60.0
_PARENT = _MEMORY_DISK if _MEMORY_DISK.is_dir() else None


def _opened(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8")


@dataclass(frozen=True)
class Stack:
    """What runs.

    `azurite` is reached past the proxies by those who check.
    """

    azurite: Azurite
    weather: Weather
    proxies: list[FaultyProxy]
    server: HostProcess
    workers: list[HostProcess]
    url: str
    log: Log


@asynccontextmanager
async def running(chance: random.Random, workers: int, output: Path) -> AsyncIterator[Stack]:
    """Start storage, proxies and the process that serves HTTP; workers are started by whoever kills them.

    Args:
        chance: What the weather is drawn from.
        workers: How many workers there are at most.
        output: Where to keep what the app writes.
    """
    folder = Path(tempfile.mkdtemp(prefix="chaos-", dir=_PARENT))
    async with AsyncExitStack() as cleanup:
        cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        azurite = cleanup.enter_context(emulator.start(folder))
        lifeline = cleanup.enter_context(Lifeline())
        listener = cleanup.enter_context(bind("127.0.0.1", 0))
        weather, log = Weather(chance), Log(cleanup.enter_context(_opened(output)))

        async def proxy(port: int, watch: Watch | None = None) -> FaultyProxy:
            seen = {} if watch is None else {"seen": watch.queue if port == azurite.ports.queue else watch.table}
            opened = FaultyProxy(port, choose=weather.choose, delay=weather.delay, **seen)
            return await cleanup.enter_async_context(opened)

        blobs = await proxy(azurite.ports.blob)
        proxies = [blobs]

        async def process(role: str, listener: socket.socket | None = None) -> HostProcess:
            watch = Watch() if listener is None else None
            tables, queues = await proxy(azurite.ports.table, watch), await proxy(azurite.ports.queue, watch)
            proxies.extend((tables, queues))
            environment = {
                "AzureWebJobsStorage": queues.before(tables.before(azurite.connection_string())),
                "REGISTRY_LOCAL_BLOB_ENDPOINT": blobs.before(azurite.blob_endpoint),
                "FUNCTIONS_WORKER_RUNTIME": "python",
            }
            started = HostProcess(role, environment, lifeline, log, listener, watch)
            cleanup.push_async_callback(started.kill)
            return started

        server = await process("http", listener)
        hands = [await process("triggers") for _ in range(workers)]
        await server.start()
        await asyncio.wait_for(server.ready.wait(), _READY_WITHIN)
        address, port = listener.getsockname()[:2]
        yield Stack(azurite, weather, proxies, server, hands, f"http://{address}:{port}/api", log)
