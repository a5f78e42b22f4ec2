"""Whatever crashes, and wherever, what was accepted ends right: every boundary of every flow.

SIMULATION_PAIRS=all runs every single fault in every variant and every pair of faults, for some hours.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any, cast

import pytest

from registry_api.service.ports import Ports
from registry_api.storage.memory import MemoryRows
from registry_api.storage.store import RegistryStore
from tests.service.world import ManualClock, Owners
from tests.simulation.boundaries import Call, Perform, guard
from tests.simulation.cloud import Cloud
from tests.simulation.faults import Fault, Plan, is_look
from tests.simulation.flows import FLOWS
from tests.simulation.journal import JournaledRows
from tests.simulation.sampling import every_pair, every_single, some_pairs
from tests.simulation.scenario import Scenario, Variant
from tests.simulation.schedules import VARIANTS, Result, Schedule, run, singles
from tests.simulation.world import BACKEND, COURIER, NOTICES, POISON, QUEUE, ROLES, ROWS

ALL = os.environ.get("SIMULATION_PAIRS") == "all"
SEED = int(os.environ.get("SIMULATION_SEED", "1"))
FIRSTS = 4
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


_NO_PLACEMENT = "ports.placement is not there"  # it is a record and has no effects


def test_every_port_is_guarded() -> None:
    """Whatever has effects passes the hook, so that a port which is added is covered, or told, at once."""
    world = Scenario({}, Variant())
    assert world.unguarded() == ["ports.audience is not there", _NO_PLACEMENT]
    world.subscribe("tenant")
    assert world.unguarded() == [_NO_PLACEMENT]


@pytest.mark.parametrize("port", [Owners(), Cloud(ManualClock()), [MemoryRows()], RegistryStore(MemoryRows())])
def test_a_port_that_is_not_guarded_is_told(port: object) -> None:
    """A port that nobody thought of is found by looking at what there is, also within others."""

    @dataclass(frozen=True, slots=True)
    class More(Ports):
        another: object = None

    world = Scenario({}, Variant())
    world.subscribe("tenant")
    there = {field.name: getattr(world.ports, field.name) for field in fields(world.ports)}
    world.ports = More(**there, another=port)
    assert set(world.unguarded()) == {"ports.another", _NO_PLACEMENT}
    world.ports = More(**there)
    assert set(world.unguarded()) == {"ports.another is not there", _NO_PLACEMENT}


class _Odd:
    """Has effects that are no calls of async methods."""

    def plain(self) -> Awaitable[None]:
        return asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def managed(self) -> AsyncIterator[None]:
        yield

    async def generated(self) -> AsyncIterator[int]:
        yield 1


@pytest.mark.parametrize("name", ["plain", "managed", "generated"])
async def test_effects_that_are_no_calls_are_refused(name: str) -> None:
    """What is waited for in another way than by calling an async method cannot be guarded, and says so."""

    async def hook(_: Call, perform: Perform) -> Any:
        return await perform()

    with pytest.raises(TypeError, match=f"'odd.{name}' is waited for"):
        getattr(guard(_Odd(), "odd", hook), name)()


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
    passed = {call.port for flow in FLOWS for call in (await run(Schedule(flow))).calls}
    assert passed == {ROWS, QUEUE, POISON, BACKEND, NOTICES, COURIER, ROLES}


async def test_a_look_has_no_effects(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored and what there is in the cloud are the same after it, so no fault after it needs to be run."""
    looks: set[str] = set()

    async def looking(plan: Plan, call: Call, perform: Perform) -> Any:
        world = cast("Scenario", plan._outside)
        before = (dict(world._rows._rows), world.queue.messages(), world.cloud.things())
        answer = await perform()
        if is_look(call):
            looks.add(call.port)
            assert (dict(world._rows._rows), world.queue.messages(), world.cloud.things()) == before
        return answer

    monkeypatch.setattr(Plan, "__call__", looking)
    for flow in FLOWS:
        await FLOWS[flow](Scenario({}, Variant()))
    assert looks == {ROWS, BACKEND, ROLES}


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
