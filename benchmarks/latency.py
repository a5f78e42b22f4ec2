"""GET and PUT, one at a time, beside the storage calls that they contain, taken in turn in the same run."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from time import perf_counter
from uuid import uuid4

from benchmarks.stack import Stack
from registry_api.service.ports import Message
from registry_api.storage.queues import StorageQueue
from registry_api.storage.rows import Insert
from registry_api.storage.tables import TableRows

_ROUNDS = 200
_ROW = "x" * 3000  # about what the row of a registry with three regions holds
_DOCUMENT = "{location: eastus, replication_locations: [{location: eastus}, {location: eastus2}, {location: westus}]}"


def report(stack: Stack) -> str:
    """Measure, and return the table."""
    return asyncio.run(_report(stack))


async def _report(stack: Stack) -> str:
    rows = TableRows(stack.storage.connection_string(), "bare")
    queue = StorageQueue(stack.storage.connection_string(), "bare")
    try:
        return await _measure(stack, rows, queue)
    finally:
        await rows.close()
        await queue.close()


async def _measure(stack: Stack, rows: TableRows, queue: StorageQueue) -> str:
    known = f"bench-{uuid4().hex[:8]}"
    stack.client.put(f"/registries/{known}", content=_DOCUMENT).raise_for_status()
    await rows.transact("known", [Insert("registry", _ROW)])
    message = Message(tenant="t", name="n", visit="v", serial=1, announced_at=datetime.now(UTC))

    async def bare_get() -> None:
        await rows.get("known", "registry")

    async def bare_put() -> None:
        partition = uuid4().hex
        await rows.get(partition, "registry")
        await queue.send(message, timedelta(seconds=1))
        await rows.transact(partition, [Insert(key, _ROW) for key in ("registry", "op:1", "rev:1")])

    async def get() -> None:
        stack.client.get(f"/registries/{known}").raise_for_status()

    async def put() -> None:
        stack.client.put(f"/registries/bench-{uuid4().hex[:20]}", content=_DOCUMENT).raise_for_status()

    lines = ["Requests one at a time, and the storage calls in them, bare (milliseconds: median, 95th percentile)"]
    for name, request, bare in (("GET", get, bare_get), ("PUT", put, bare_put)):
        whole, calls = await _in_turn(request, bare)
        ratio = median(whole) / median(calls)
        lines.append(f"{name} {_median_and_p95(whole)}   bare {_median_and_p95(calls)}   ratio {ratio:.2f}")
    return "\n".join(lines)


async def _in_turn(*calls: Callable[[], Awaitable[None]]) -> list[list[float]]:
    """Time calls in turn, so that a change in the machine's speed meets them alike; the first rounds do not count."""
    times: list[list[float]] = [[] for _ in calls]
    for round_number in range(_ROUNDS + _ROUNDS // 10):
        for call, seconds in zip(calls, times, strict=True):
            began = perf_counter()
            await call()
            if round_number >= _ROUNDS // 10:
                seconds.append(perf_counter() - began)
    return times


def _median_and_p95(seconds: list[float]) -> str:
    return f"{median(seconds) * 1000:6.1f} {quantiles(seconds, n=20)[-1] * 1000:6.1f}"
