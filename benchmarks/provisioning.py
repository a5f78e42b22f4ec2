"""From PUT to Succeeded: three regions on the local backend, one registry after the other."""

from statistics import median
from time import perf_counter, sleep
from uuid import uuid4

from benchmarks.stack import Stack

_REGISTRIES = 15
_POLL_SECONDS = 0.02
_CONTENT = "{location: eastus, replication_locations: [{location: eastus}, {location: eastus2}, {location: westus}]}"


def report(stack: Stack) -> str:
    """Measure, and return the table."""
    seconds = [_provision(stack) for _ in range(_REGISTRIES)]
    return (
        "From PUT to Succeeded with three regions, of which one second is the announced delay\n"
        f"PUT to Succeeded {median(seconds) * 1000:.0f} ms, slowest of {_REGISTRIES} {max(seconds) * 1000:.0f} ms"
    )


def _provision(stack: Stack) -> float:
    began = perf_counter()
    answer = stack.client.put(f"/registries/bench-{uuid4().hex[:20]}", content=_CONTENT)
    operation = answer.raise_for_status().headers["operation-location"]
    while (status := stack.client.get(operation).json()["status"]) in {"NotStarted", "Running"}:
        sleep(_POLL_SECONDS)
    if status != "Succeeded":
        raise RuntimeError(f"The operation ended as {status}.")
    return perf_counter() - began
