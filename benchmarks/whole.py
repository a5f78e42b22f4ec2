"""What a whole GET and PUT cost this process, beside the peer: `python -m benchmarks.whole CONNECTION BLOCKS`.

Both are asked within one process and without a server: ours as the Functions worker calls it, the peer as a server
calls it by ASGI. On Azure ours has the worker and its gRPC before it, and the peer would have uvicorn.
"""

import asyncio
import json
import sys
from uuid import uuid4

from benchmarks import app
from benchmarks.peer import Peer
from benchmarks.process import ask
from benchmarks.sampling import cpu_of
from benchmarks.table import Goal, Line, milliseconds

_GOAL = Goal(0.5)


def measure(connection_string: str, blocks: int) -> list[Line]:
    """Measure in a process of its own."""
    found = ask("benchmarks.whole", connection_string, str(blocks))
    return [
        Line(f"whole CPU of a {what}", f"FastAPI {milliseconds(peer)}", milliseconds(ours), ours / peer, _GOAL)
        for what, (ours, peer) in found.items()
    ]


async def _measure(connection_string: str, blocks: int) -> dict[str, list[float]]:
    app.install(connection_string)
    functions = app.functions()
    known = f"registries/whole-{uuid4().hex[:8]}"

    async def get() -> None:
        app.expect(200, await functions["get_registry"](app.request("GET", known)))

    async def put(path: str = "") -> None:
        request = app.request("PUT", path or f"registries/whole-{uuid4().hex[:20]}", app.DOCUMENT)
        app.expect(201, await functions["put_registry"](request))

    async with Peer(connection_string) as peer:

        async def expect(status: int, method: str, path: str, body: bytes = b"") -> None:
            if await peer.ask(method, path, body) != status:
                raise RuntimeError(f"The peer could not do {method}.")

        async def put_peer() -> None:
            await expect(201, "PUT", f"registries/whole-{uuid4().hex[:20]}", app.DOCUMENT)

        await put(known)
        await expect(201, "PUT", known, app.DOCUMENT)
        return {
            "GET": await cpu_of([get, lambda: expect(200, "GET", known)], blocks, 50),
            "PUT (JSON)": await cpu_of([put, put_peer], blocks, 15),
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(sys.argv[1], int(sys.argv[2])))))
