"""What the flows ask for."""

from collections.abc import Awaitable, Callable
from typing import Any

from registry_api.domain.operation import Operation
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Kind
from registry_api.service import history, reading, registries
from registry_api.service.accepting import Outcome
from tests.service.world import ASKING, document
from tests.simulation.cloud import Place
from tests.simulation.processes import running
from tests.simulation.scenario import Scenario, intent

NAME = "Demo1"


def put(world: Scenario, *regions: str, **fields: Any) -> Callable[[], Awaitable[Outcome]]:
    """Return the request for a registry with these regions."""
    wanted = document(*regions, **fields)

    async def ask() -> Outcome:
        outcome = await registries.put(wanted, intent(), ports=world.ports)
        if outcome.registry.spec != wanted.spec:
            world.violations.append(f"what was put is {wanted.spec}, what was answered {outcome.registry.spec}")
        return outcome

    return ask


def describe(world: Scenario, text: str) -> Callable[[], Awaitable[Outcome]]:
    """Return the request for another description, which changes nothing in the cloud."""
    return lambda: registries.patch(NAME, {"description": text}, intent(), ports=world.ports)


def delete(world: Scenario) -> Callable[[], Awaitable[Registry | None]]:
    """Return the request for its end."""
    return lambda: registries.delete(NAME, intent(), ports=world.ports)


def reconcile(world: Scenario) -> Callable[[], Awaitable[Registry]]:
    """Return the request to look at it again."""
    return lambda: registries.retry(NAME, intent(), ports=world.ports)


def cancel(world: Scenario) -> Callable[[], Awaitable[Operation]]:
    """Return the request to cancel its newest operation."""

    async def ask() -> Operation:
        newest = (await reading.read(NAME, ASKING, ports=world.ports)).operation
        running().cancels.add(newest.id)
        return await history.cancel(newest.id, intent(), ports=world.ports)

    return ask


async def existing(world: Scenario, *regions: str, **fields: Any) -> None:
    """Let there be a registry that has succeeded, or failed if the cloud is in trouble."""
    await world.ask(put(world, *regions, **fields))
    await world.settle()
    world.arm()


def meddle(world: Scenario) -> None:
    """Let somebody from outside remove one thing and change another."""
    lost: list[Place] = [thing.place for thing in world.cloud.things() if thing.place.kind is Kind.STORAGE_ACCOUNT]
    spoiled = [thing.place for thing in world.cloud.things() if thing.place.kind is Kind.REPLICA]
    world.cloud.lose(lost[0])
    world.cloud.spoil(spoiled[0])
    world.clock.advance(1)
