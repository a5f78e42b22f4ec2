"""Tell what memory this process has: `python -m benchmarks.resident FEWER MORE`.

It is taken with azure.functions alone, after fewer and after more requests. Nothing else may be imported here.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks import first

_NEW = 20  # registries that are made, so that everything was done that a request may do
_READS = 9  # before each PUT


def resident() -> int:
    """Return this process's resident memory in bytes, as Linux tells it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def _ask(functions: dict[str, Any], fewer: int, more: int) -> list[int]:
    async def ask(method: str, name: str) -> None:
        answer = await functions[f"{method}_registry"](first.request(method, name))
        if answer.status_code not in {200, 201}:
            raise RuntimeError(answer.get_body().decode())

    for number in range(_NEW):
        await ask("put", f"resident-{number}")
    found = []
    for requests in (fewer, more - fewer):
        for number in range(requests):
            await ask("get" if number % (_READS + 1) else "put", f"resident-{number % _NEW}")
        found.append(resident())
    return found


if __name__ == "__main__":
    bare = resident()
    print(json.dumps([bare, *asyncio.run(_ask(first.index(), int(sys.argv[1]), int(sys.argv[2])))]))
