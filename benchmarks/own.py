"""What a request costs this process beyond the storage calls that it makes: `python -m benchmarks.own CONNECTION ...`.

The calls are recorded while the app makes them, and then made bare, through the same client, in turn with requests.
A page is asked for by the SDK of Azure as well, which tells how much of the ratio is due to what our client saves, and
its rows are merely joined to an answer, which is the least that a page can cost.

One caller at a time shows what a request costs a process that has just slept: it finds little in the processor's
caches, which depends on the machine's other work. With many callers the process is busy, as where its cost matters.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from uuid import uuid4

import azure.functions as func

from benchmarks import app
from benchmarks.process import ask
from benchmarks.sampling import cpu_of
from benchmarks.table import Goal, Line, milliseconds
from registry_api import bootstrap
from registry_api.storage.names import TABLE
from tests.contract.sdk.tables import SdkRows

_PAGE = 100
_BY = {1: "", 16: ", 16 callers"}
# Of all callers in a block, of which a busy machine slows down the fewer the shorter they are.
_CALLS = {"GET": 40, "PUT (JSON)": 20, "page of 100": 20}


def measure(connection_string: str, blocks: int) -> list[Line]:
    """Measure in a process of its own."""
    found = ask("benchmarks.own", connection_string, str(blocks))
    lines = []
    for what, limit in (("GET", 0.3), ("PUT (JSON)", 0.6)):
        for by in _BY.values():
            ours, bare = found[what + by]
            own = (ours - bare) * 1000
            told = f"own CPU of a {what}{by}"
            lines.append(Line(told, f"calls {milliseconds(bare)}", milliseconds(ours), own, Goal(limit, "ms")))
    page = "page of 100"
    others = [(f"{page}, merely joined", None), (f"{page}, by the SDK", None)]
    for what, goal in [*((page + by, Goal(1.2)) for by in _BY.values()), *others]:
        ours, bare = found[what]
        lines.append(Line(f"CPU of a {what}", f"calls {milliseconds(bare)}", milliseconds(ours), ours / bare, goal))
    return lines


async def _measure(connection_string: str, blocks: int) -> dict[str, list[float]]:
    app.install(connection_string)
    functions = app.functions()
    known = f"own-{uuid4().hex[:8]}"

    async def put(name: str) -> None:
        app.expect(201, await functions["put_registry"](app.request("PUT", f"registries/{name}", app.DOCUMENT)))

    async def get() -> None:
        app.expect(200, await functions["get_registry"](app.request("GET", f"registries/{known}")))

    async def new() -> None:
        await put(f"own-{uuid4().hex[:20]}")

    async def page() -> None:
        app.expect(200, await functions["list_registries"](app.request("GET", "registries", query=f"?top={_PAGE}")))

    async def joined() -> None:
        (query,) = bare_page
        text = ",".join([row.text for row in (await query.target.scan(*query.arguments)).rows])
        app.request("GET", "registries", query=f"?top={_PAGE}")  # which every page costs here
        app.expect(200, func.HttpResponse(f'{{"value":[{text}]}}\n', mimetype="application/json"))

    await put(known)
    for _ in range(_PAGE):
        await new()
    bare_get, bare_put, bare_page = [await _recorded(request) for request in (get, new, page)]

    async def put_bare() -> None:
        await app.replay(bare_put, f"own:{uuid4().hex}")

    blocks *= 3
    pairs = {
        "GET": [get, lambda: app.replay(bare_get)],
        "PUT (JSON)": [new, put_bare],
        "page of 100": [page, lambda: app.replay(bare_page)],
    }
    found = {
        what + by: await cpu_of(pair, blocks, max(_CALLS[what] // callers, 1), callers)
        for what, pair in pairs.items()
        for callers, by in _BY.items()
    }
    bare = pairs["page of 100"][1]
    found["page of 100, merely joined"] = await cpu_of([joined, bare], blocks, _CALLS["page of 100"])
    sdk = SdkRows(connection_string, TABLE)
    app.call_storage_by(sdk, bootstrap.app().queue)
    bare_page_by_sdk = await _recorded(page)
    found["page of 100, by the SDK"] = await cpu_of(
        [page, lambda: app.replay(bare_page_by_sdk)], blocks, _CALLS["page of 100"]
    )
    await sdk.close()
    return found


async def _recorded(request: Callable[[], Awaitable[None]]) -> list[app.StorageCall]:
    recorder = app.Recorder.install()
    await request()
    return [*recorder.uninstall()]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(sys.argv[1], int(sys.argv[2])))))
