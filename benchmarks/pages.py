"""What a page of 100 costs as a tenant grows, beside its query alone: `python -m benchmarks.pages CONNECTION ...`.

It is CPU of this process that is compared: Azurite reads its whole table for a query and Azure does not, which would
hide everything else. The registries at rest have no history here, none of which leaves storage. What storage goes over
to find a page cannot be counted from here; docs/performance.md tells what it comes to.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from uuid import UUID, uuid4

from benchmarks import app
from benchmarks.process import ask
from benchmarks.sampling import cpu_of
from benchmarks.seeding import seed
from benchmarks.table import Goal, Line, milliseconds

_PAGE, _PAGES = 100, 5
_FLAT = Goal(1.25)


def measure(connection_string: str, sizes: Sequence[int], blocks: int) -> list[Line]:
    """Measure in a process of its own; the goals are for what the ratio grows to from the smallest size on."""
    received, *found = ask("benchmarks.pages", connection_string, str(blocks), *map(str, sizes))
    (bare, ours), *_ = found
    smallest = ours / bare
    lines = []
    for size, (bare, ours) in zip(sizes, found, strict=True):
        is_first = size == sizes[0]
        lines.append(
            Line(
                f"page of 100 of {size:,}" + ("" if is_first else f", beside that of {sizes[0]:,}"),
                f"query {milliseconds(bare)}",
                milliseconds(ours),
                ours / bare if is_first else ours / bare / smallest,
                None if is_first else _FLAT,
            )
        )
    what = "rows that leave storage for a page of 100"
    return [*lines, Line(what, f"{_PAGE} on the page", f"{received}", received / _PAGE, Goal(1.05))]


async def _measure(connection_string: str, blocks: int, sizes: Sequence[int]) -> list[int | list[float]]:
    app.install(connection_string)
    functions = app.functions()
    model = f"pages-{uuid4().hex[:8]}"

    async def page() -> int:
        asked = app.request("GET", "registries", query=f"?top={_PAGE}")
        answer = app.expect(200, await functions["list_registries"](asked))
        return answer.get_body().count(b'"etag":')

    app.expect(201, await functions["put_registry"](app.request("PUT", f"registries/{model}", app.DOCUMENT)))
    recorder = app.Recorder.install()
    await page()
    calls = [*recorder.uninstall()]
    found, there, received = [], 0, 0
    for size in sizes:
        await seed(recorder.rows, str(UUID(int=1)), model, range(there, size))
        there = size
        if await page() != _PAGE:
            raise RuntimeError("A page has fewer registries than are measured.")
        received = sum([len((await recorder.rows.scan(*call.arguments)).rows) for call in calls])
        found.append(await cpu_of([lambda: app.replay(calls), page], blocks, _PAGES))
    return [received, *found]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(sys.argv[1], int(sys.argv[2]), [int(size) for size in sys.argv[3:]]))))
