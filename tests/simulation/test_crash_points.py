"""Whatever crashes, and wherever, what was accepted ends right: every boundary of every flow.

SIMULATION_PAIRS=all runs every single fault in every variant and every pair of faults, for some hours.
"""

import logging
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.simulation.boundaries import async_methods, guard
from tests.simulation.faults import Fault
from tests.simulation.flows import FLOWS
from tests.simulation.journal import JournaledRows
from tests.simulation.sampling import every_pair, every_single, some_pairs
from tests.simulation.scenario import Scenario, Variant
from tests.simulation.schedules import VARIANTS, Result, Schedule, run, singles
from tests.simulation.world import PORTS

ALL = os.environ.get("SIMULATION_PAIRS") == "all"
SEED = int(os.environ.get("SIMULATION_SEED", "1"))
FIRSTS = 12
MOST_TOLD = 10

pytestmark = pytest.mark.timeout(24 * 3600 if ALL else 120)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Let the service be silent about faults that are meant."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


async def _check(results: AsyncIterator[Result]) -> None:
    told = [result.told async for result in results if result.problems]
    assert not told, f"{len(told)} schedules fail:\n" + "\n".join(told[:MOST_TOLD])


@pytest.mark.parametrize("flow", FLOWS)
async def test_every_crash_point_is_survived(flow: str) -> None:
    """One fault of each kind at each boundary leaves nothing stuck, lost, doubled, orphaned or wrongly ended."""
    await _check(every_single(flow) if ALL else singles(flow, Variant()))


@pytest.mark.parametrize("flow", FLOWS)
async def test_pairs_of_crash_points_are_survived(flow: str) -> None:
    """Neither do two faults, the second one also in the recovery from the first, however messages are delivered."""
    if not ALL:
        await _check(some_pairs(flow, SEED, FIRSTS))
        return
    for variant in VARIANTS:
        await _check(every_pair(flow, variant))


async def test_every_method_of_a_port_is_a_boundary() -> None:
    """Whatever a port can do is guarded in the world, so that a method which is added is covered at once."""
    world = Scenario({}, Variant())
    ports = {
        "rows": world.rows,
        "queue": world.ports.queue,
        "poison": world.poison,
        "backend": world.backend,
        "notices": world.notices,
        "courier": world.courier,
    }
    for port, guarded in ports.items():
        for name in async_methods(PORTS[port]):
            assert getattr(guarded, name).__qualname__.startswith("_Guarded."), f"{port}.{name}"


def test_the_methods_of_the_ports_are_found() -> None:
    """The methods are found by looking; those that are known today are among them."""
    found = {name: async_methods(port) for name, port in PORTS.items()}
    assert {"get", "transact", "scan", "range"} <= found["rows"]
    assert {"send"} <= found["queue"]
    assert found["queue"] == found["poison"]
    assert {"observe", "start"} <= found["backend"]
    assert {"send"} <= found["notices"]
    assert {"deliver"} <= found["courier"]


async def test_a_method_that_is_added_is_a_boundary() -> None:
    """A method that no list names passes the hook."""

    class Newer(JournaledRows):
        async def count(self) -> int:
            return 7

    seen: list[str] = []

    async def hook(call: Any, perform: Any) -> Any:
        seen.append(str(call))
        return await perform()

    world = Scenario({}, Variant())
    assert await guard(Newer(world.journal), "rows", hook).count() == 7
    assert seen == ["rows.count"]


@pytest.mark.parametrize("flow", FLOWS)
async def test_every_flow_has_boundaries(flow: str) -> None:
    """A flow is armed and passes storage; the same schedule makes the same calls again."""
    first, second = await run(Schedule(flow)), await run(Schedule(flow))
    assert "rows" in {call.port for call in first.calls}
    assert [str(call) for call in first.calls] == [str(call) for call in second.calls]


async def test_every_port_is_passed_by_some_flow() -> None:
    """No port is guarded in vain."""
    assert {call.port for flow in FLOWS for call in (await run(Schedule(flow))).calls} >= {*PORTS} - {"poison"}


@pytest.mark.parametrize("text", ["create 3:before 17:lost twice repeats", "poison late", "delete 1:after once"])
def test_a_schedule_is_a_line(text: str) -> None:
    """What a failure prints is what runs it again."""
    assert str(Schedule.parse(text)) == text


def test_a_line_that_is_no_schedule_is_refused() -> None:
    """A flow or fault that is not there is told."""
    with pytest.raises(ValueError, match="There is no flow 'nothing'"):
        Schedule.parse("nothing 1:before")
    with pytest.raises(ValueError, match="'never' is not a valid Fault"):
        Schedule.parse(f"create 1:{Fault.BEFORE} 2:never")
