"""Deliveries as a source of webhooks sends them, and what is told of them."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pytest

from registry_api.domain.caller import Caller
from registry_api.domain.events import EventType
from registry_api.domain.filters import Filter
from registry_api.domain.names import RegistryKey
from registry_api.domain.problems import Refusal
from registry_api.domain.scope import Scope
from registry_api.domain.validation import examine
from registry_api.service import deliveries, registries
from registry_api.service.accepting import Intent
from registry_api.service.deliveries import Delivered, Delivery, Result
from tests.service.world import ADA, SCOPE, World

ACCEPTED = {EventType.REQUEST_ACCEPTED, EventType.REQUEST_JOINED}
CI = Caller(tenant="tenant", id="c1", name="ci", kind="Webhook")


def intent(caller: Caller = CI, scope: Scope = SCOPE) -> Intent:
    """Return how a source that is bound to a scope asks."""
    within = Filter(subscription_id=scope.subscription_id, resource_group=scope.resource_group)
    return Intent(caller, scope, within)


def one(name: str, *regions: str, **fields: Any) -> dict[str, Any]:
    """Return a document."""
    locations = [{"location": region} for region in regions]
    return {"name": name, "location": regions[0], "replication_locations": locations, **fields}


def delivery(*values: object, id: str = "d1", is_id_proven: bool = True, source: str = "ci") -> Delivery:  # noqa: A002 - its name
    """Return a delivery of documents."""
    return Delivery(
        source=source,
        id=id,
        body=sha256(repr(values).encode()).hexdigest(),
        is_id_proven=is_id_proven,
        documents=[Delivered(examine(value), lambda refusal: refusal) for value in values],
    )


async def deliver(world: World, given: Delivery, by: Intent | None = None) -> list[Result]:
    """Deliver."""
    return await deliveries.deliver(given, by or intent(), ports=world.ports)


async def code_of(call: Any) -> str:
    """Return the code of the refusal that a call ends with."""
    with pytest.raises(Refusal) as refusal:
        await call
    return refusal.value.problems[0].code.value


def told(results: Sequence[Result]) -> list[tuple[Any, ...]]:
    """Return what a sender is told."""
    return [
        (
            result.verdict.value,
            result.name,
            result.registry and (result.registry.etag, result.registry.operation.id),
            [(problem.code, problem.message, problem.path, problem.line) for problem in result.problems],
        )
        for result in results
    ]


def verdicts(results: Sequence[Result]) -> list[str]:
    """Return what became of each document; of one that was refused, why."""
    return [result.problems[0].code.value if result.problems else result.verdict.value for result in results]


async def accepted(world: World, name: str, actor: str = "ci") -> int:
    """Return how many requests of somebody were accepted for a registry."""
    page = await world.store.list_events(RegistryKey.of("tenant", name), 100, None)
    return sum(event.type in ACCEPTED and event.actor == actor for event in page.items)


async def change_as_ada(world: World, name: str, **fields: Any) -> None:
    """Let somebody else change a registry."""
    draft = examine(one(name, "eastus", **fields))
    await registries.put(draft, Intent(ADA, SCOPE), ports=world.ports)
