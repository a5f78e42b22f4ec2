"""What whole requests cost this process, and how many it answers, beside the peer: `python -m benchmarks.whole ...`.

Both are asked within one process and without a server: ours as the Functions worker calls it, the peer as a server
calls it by ASGI. On Azure ours has the worker and its gRPC before it, and the peer would have uvicorn. Both share the
machine with Azurite, which limits how many requests there can be.
"""

import asyncio
import json
import sys
from uuid import uuid4

from benchmarks import app
from benchmarks.peer import Peer
from benchmarks.process import ask
from benchmarks.sampling import cpu_of, rate_of
from benchmarks.table import Goal, Line, milliseconds

_CALLERS = (16, 64)
_CPU, _RATE = Goal(0.5), Goal(1.5, at_least=True)


def measure(connection_string: str, blocks: int) -> list[Line]:
    """Measure in a process of its own."""
    found = ask("benchmarks.whole", connection_string, str(blocks))
    lines = []
    for verb in ("GET", "PUT"):
        ours, peer = found[verb]
        lines.append(
            Line(f"whole CPU of a {verb}", f"FastAPI {milliseconds(peer)}", milliseconds(ours), ours / peer, _CPU)
        )
    for callers in _CALLERS:
        for verb in ("GET", "PUT"):
            ours, peer = found[f"{verb} by {callers}"]
            what = f"{verb}s by {callers} callers"
            lines.append(Line(what, f"FastAPI {peer:.0f}/s", f"{ours:.0f}/s", ours / peer, _RATE))
    return lines


async def _measure(connection_string: str, blocks: int) -> dict[str, list[float]]:
    app.install(connection_string)
    functions = app.functions()
    known = f"registries/whole-{uuid4().hex[:8]}"

    async def get() -> None:
        app.expect(200, await functions["get_registry"](app.request("GET", known)))

    async def put(path: str) -> None:
        app.expect(201, await functions["put_registry"](app.request("PUT", path, app.DOCUMENT)))

    async def new() -> None:
        await put(f"registries/whole-{uuid4().hex[:20]}")

    async with Peer(connection_string) as peer:

        async def expect(status: int, method: str, path: str, body: bytes = b"") -> None:
            if await peer.ask(method, path, body) != status:
                raise RuntimeError(f"The peer could not do {method}.")

        async def new_peer() -> None:
            await expect(201, "PUT", f"registries/whole-{uuid4().hex[:20]}", app.DOCUMENT)

        await put(known)
        await expect(201, "PUT", known, app.DOCUMENT)
        gets, puts = [get, lambda: expect(200, "GET", known)], [new, new_peer]
        found = {"GET": await cpu_of(gets, blocks, 50), "PUT": await cpu_of(puts, blocks, 15)}
        for callers in _CALLERS:
            found[f"GET by {callers}"] = await rate_of(gets, callers, blocks, 320 // callers)
            found[f"PUT by {callers}"] = await rate_of(puts, callers, blocks, 64 // callers)
        return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(sys.argv[1], int(sys.argv[2])))))
