"""Registries in every state that they pass through, as the Resource Manager door shows them."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from registry_api.domain.placement import Placement
from registry_api.domain.problems import Code, Problem, Refusal
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Failure, FailureKind, Resource
from registry_api.domain.validation import examine, examine_regions
from registry_api.http.errors import error_body
from registry_api.http.resource_manager.bodies import RegistryList, RegistryResource
from registry_api.http.resource_manager.rendering import operation_status, registry_resource
from registry_api.service import amending, history, registries
from registry_api.service.accepting import Intent
from registry_api.service.backend import BackendError
from registry_api.service.ports import Ports, Store
from registry_api.service.records import Commit
from registry_api.storage.memory import MemoryRows
from registry_api.storage.store import RegistryStore
from tests.service.world import ADA, SCOPE, World

_INTENT = Intent(ADA, SCOPE)
_REGIONS = ("eastus", "westus", "northeurope")
_STEPS = 25
_DELEGATED = Placement(subscription_id="00000000-0000-0000-0000-000000000000", delegated=True)


class _Recorder(RegistryStore):
    """A store that remembers every state of a registry that was ever committed."""

    def __init__(self) -> None:
        super().__init__(MemoryRows())
        self.seen: list[Registry] = []

    async def commit(self, commit: Commit) -> str | None:
        """Remember, and commit."""
        if commit.registry is not None:
            self.seen.append(commit.registry)
        return await super().commit(commit)


class _World(World):
    """A world in which registries are made by us, or handed over to Azure Machine Learning."""

    def __init__(self, dice: random.Random, store: Store) -> None:
        super().__init__(looks=dice.randrange(3), store=store)
        self._placement = dice.choice([None, _DELEGATED])

    @property
    def ports(self) -> Ports:
        """Return what functions of the service need."""
        return replace(super().ports, placement=self._placement)


async def bodies_of(histories: int) -> dict[str, list[Any]]:
    """Return the different bodies that some random histories lead to, with a cloud that fails at times; and all errors.

    Returns:
        Bodies of `registries`, of `lists` of them, of `operations` and of `errors`.
    """
    shown, statuses = list[RegistryResource](), set[str]()
    for seed in range(histories):
        for registry in await _history(random.Random(seed)):  # noqa: S311 - the same histories every time
            shown.append(registry_resource(registry, "https://localhost/api"))
            statuses.add(_written(operation_status(registry.operation, "/an/address")))
    lists = [RegistryList(value=shown), RegistryList(value=[]), RegistryList(value=shown[:1], next_link="https://next")]
    return {
        "registries": [json.loads(body) for body in dict.fromkeys(map(_written, shown))],
        "lists": [json.loads(_written(one)) for one in lists],
        "operations": [json.loads(body) for body in sorted(statuses)],
        "errors": [*_errors()],
    }


def _errors() -> Iterator[Mapping[str, Any]]:
    problems = [Problem(code, "It is 'so'.", ("tags", 0, "a b"), 7, 15) for code in Code]
    for told in [*([problem] for problem in problems), problems, problems[:2]]:
        yield error_body(told)


def _written(body: BaseModel) -> str:
    return body.model_dump_json(exclude_unset=True)


async def _history(dice: random.Random) -> list[Registry]:
    recorder = _Recorder()
    world = _World(dice, recorder)

    def fail(resource: Resource) -> BackendError | None:
        if dice.random() < 0.8:
            return None
        kind = dice.choice([*FailureKind])
        return BackendError(Failure(code="ProvisioningFailed", message=f"{resource.name} does not work.", kind=kind))

    world.backend.refuse = fail
    for _ in range(_STEPS):
        try:
            await _step(world, dice)
        except Refusal:
            continue
    return recorder.seen


async def _step(world: World, dice: random.Random) -> None:
    match dice.choice([*["work"] * 6, "wait", "put", "amend", "remove", "delete", "cancel", "retry"]):
        case "work":
            for _ in range(dice.choice([1, 60])):
                await world.work_once()
                world.clock.advance(2)
        case "wait":
            world.clock.advance(4000)
        case "put":
            await registries.put(examine(_document(dice), "Demo1"), _INTENT, ports=world.ports)
        case "amend":
            await amending.amend(_document(dice), "Demo1", _INTENT, ports=world.ports)
        case "remove":
            regions = examine_regions([{"location": dice.choice(_REGIONS)}])
            await amending.remove_regions("Demo1", regions, _INTENT, ports=world.ports)
        case "delete":
            await world.delete()
        case "cancel":
            await history.cancel((await world.read()).operation.id, _INTENT, ports=world.ports)
        case "retry":
            await registries.retry("Demo1", _INTENT, ports=world.ports)


def _document(dice: random.Random) -> dict[str, Any]:
    others = dice.sample(_REGIONS[1:], dice.randrange(3))
    return {
        "location": "eastus",
        "description": dice.choice([None, "for all"]),
        "tags": dice.choice([{}, {"a": "b"}]),
        "intellectual_property": dice.choice([None, {"publisher": "contoso"}]),
        "public_network_access": dice.choice(["enabled", "disabled"]),
        "replication_locations": [
            {"location": region, "storage_config": {"replication_count": 1 + len(region) % 3}}
            for region in ("eastus", *others)
        ],
    }
