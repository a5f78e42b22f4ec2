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
_CHANGE_EVERY = 50  # requests, of which the others read; one in ten of those asks for what was never there
_DOCUMENTS = [first.DOCUMENT.replace(b"{", b'{"description":"%d",' % number, 1) for number in range(7)]


def resident() -> int:
    """Return this process's resident memory in bytes, as Linux tells it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def _ask(functions: dict[str, Any], fewer: int, more: int) -> list[int]:
    async def ask(method: str, name: str, *statuses: int, document: bytes = first.DOCUMENT) -> None:
        answer = await functions[f"{method}_registry"](first.request(method, name, document))
        if answer.status_code not in statuses:
            raise RuntimeError(answer.get_body().decode())

    for number in range(_NEW):
        await ask("put", f"resident-{number}", 201)
    found = []
    for requests in (fewer, more - fewer):
        for number in range(requests):
            turn, place = divmod(number, _CHANGE_EVERY)
            if place == 0:
                document = _DOCUMENTS[turn % len(_DOCUMENTS)]
                await ask("put", f"resident-{turn % _NEW}", 200, document=document)
            elif place % 10 == 0:
                await ask("get", f"nobody-{number}", 404)
            else:
                await ask("get", f"resident-{number % _NEW}", 200)
        found.append(resident())
    return found


if __name__ == "__main__":
    bare = resident()
    print(json.dumps([bare, *asyncio.run(_ask(first.index(), int(sys.argv[1]), int(sys.argv[2])))]))
