"""A request that sleeps so long before it commits that its message is dropped is rescued by the resync timer."""

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.simulation.faults import Fault
from tests.simulation.flows import FLOWS
from tests.simulation.scenario import TICK, Scenario, Variant
from tests.simulation.schedules import Schedule, run
from tests.simulation.world import ROWS

RESCUE = 2 * TICK  # to the next tick, and what it announces comes a second later, which is seen at the one after
SLEPT = timedelta(seconds=61)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Let the service be silent about faults that are meant."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("flow", ["create", "update", "delete"])
async def test_what_a_frozen_request_commits_is_begun_with_by_the_next_tick(flow: str) -> None:
    """The message has been dropped by then; the first tick after the commit brings another one."""
    calls = (await run(Schedule(flow))).calls
    commits = [
        n for n, call in enumerate(calls, 1) if call.by.startswith("request") and str(call) == f"{ROWS}.transact"
    ]
    world = Scenario({commits[-1]: Fault.FROZEN}, Variant())
    await FLOWS[flow](world)
    assert not await world.problems()
    (key,) = world.journal.keys
    entries = world.journal.entries(key)
    (late,) = (
        number
        for number, entry in enumerate(entries)
        if entry.after is not None and entry.at - entry.after.operation.start_time >= SLEPT and entry.by.caller
    )
    committed = entries[late].after
    assert committed is not None
    begun = next(
        entry for entry in entries[late:] if entry.after is not None and entry.after.lease.epoch > committed.lease.epoch
    )
    assert begun.at - entries[late].at <= RESCUE
