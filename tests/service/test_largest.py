"""The largest registry that may be asked for can be stored, whatever is found of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from registry_api.domain import visits
from registry_api.domain.operation import OperationStatus
from registry_api.domain.placement import Placement
from registry_api.domain.plan import Action, Observation, Presence, Verb
from registry_api.domain.problems import Code
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.regions import catalogue
from registry_api.domain.registry import Registry
from registry_api.domain.resources import Failure, FailureKind, Resource
from registry_api.domain.spec import (
    MAX_DESCRIPTION,
    MAX_PUBLISHER,
    MAX_REPLICATION_COUNT,
    MAX_TAG_KEY,
    MAX_TAG_VALUE,
    MAX_TAGS,
)
from registry_api.domain.visits import Findings
from registry_api.provisioning.arm_resources import describe, details_of
from registry_api.service.backend import BackendError
from registry_api.service.ports import Ports
from registry_api.storage.memory import MemoryRows
from registry_api.storage.rows import MOST_BYTES_OF_A_ROW, Delete, Write, bytes_of_row
from registry_api.storage.store import RegistryStore
from tests.service.world import MemoryBackend, World

ROOM = 0.05  # of a row, for what is yet to be thought of
WIDE = "\U0001f5fa"  # takes as many bytes as a character can
PLACEMENT = Placement(subscription_id="0" * 36, resource_group="g" * 90)
LONGEST = Failure(
    code=Code.PROVISIONING_FAILED,
    message=WIDE * 400,
    kind=FailureKind.THROTTLED,
    retry_after=timedelta(seconds=90, microseconds=1),
)


class MeasuredRows(MemoryRows):
    """Rows that remember how large the largest was."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0

    async def transact(self, partition: str, writes: Sequence[Write]) -> Sequence[str | None]:
        """Do all writes or none."""
        sizes = (bytes_of_row(partition, write.key, write.text) for write in writes if not isinstance(write, Delete))
        self.largest = max(self.largest, *sizes, 0)
        return await super().transact(partition, writes)


class WordyBackend(MemoryBackend):
    """A cloud that tells as much of everything as Azure can."""

    async def observe(self, registry: Registry, resource: Resource) -> Observation:
        """Tell what there is of a resource."""
        seen = await super().observe(registry, resource)
        return seen._replace(details=_details(registry, resource)) if seen.details else seen


class LargestWorld(World):
    """A world with the longest names on Azure."""

    def __init__(self) -> None:
        rows = MeasuredRows()
        super().__init__(store=RegistryStore(rows))
        self.measured = rows
        self.backend = WordyBackend()

    @property
    def ports(self) -> Ports:
        """Return what functions of the service need."""
        return replace(super().ports, placement=PLACEMENT)

    async def put_largest(self) -> None:
        """Ask for the largest registry."""
        regions = [name for name, region in catalogue().items() if region.missing_service is None]
        config = {
            "storage_account_hns": True,
            "storage_account_type": "Standard_RAGZRS",
            "replication_count": MAX_REPLICATION_COUNT,
        }
        await self.put(
            *regions,
            replication_locations=[{"location": region, "storage_config": config} for region in regions],
            description=WIDE * MAX_DESCRIPTION,
            intellectual_property={"publisher": WIDE * MAX_PUBLISHER},
            tags={f"{number:02}" + WIDE * (MAX_TAG_KEY - 2): WIDE * MAX_TAG_VALUE for number in range(MAX_TAGS)},
        )


def _details(registry: Registry, resource: Resource) -> dict[str, str]:
    group = PLACEMENT.resource_group or ""
    path = describe(registry, resource, PLACEMENT.subscription_id, group).id
    properties = {
        "primaryEndpoints": {"blob": f"https://{resource.name}.z00.blob.storage.azure.net/"},
        "loginServer": f"{resource.name}-0123456789abcdef.azurecr.io",
    }
    return details_of(resource, {"id": path, "properties": properties})


def _fails(_: Resource) -> BackendError:
    return BackendError(LONGEST)


async def test_the_largest_registry_lives_through_a_failure_of_everything() -> None:
    """It is made, everything of it fails with the longest message, it is mended and removed: its row always fits."""
    world = LargestWorld()
    world.backend.refuse = _fails
    await world.put_largest()
    world.clock.advance(1)
    await world.work_once()
    world.backend.refuse = lambda _: None
    await world.settle()
    assert (await world.read()).state is ProvisioningState.SUCCEEDED
    world.backend.blind = _fails
    await world.put_largest()
    removed = await world.delete()
    assert removed is not None
    world.clock.advance(1)
    await world.work_once()
    failing = (await world.read()).resources
    kinds = {resource.failure and (resource.failure.code, resource.failure.kind) for resource in failing}
    assert kinds == {(LONGEST.code, FailureKind.THROTTLED)}
    assert all(resource.details["id"].endswith((resource.name, resource.region)) for resource in failing)
    world.backend.blind = lambda _: None
    await world.settle()
    assert (await world.operation(removed.operation.id)).status is OperationStatus.SUCCEEDED
    assert MOST_BYTES_OF_A_ROW / 2 < world.measured.largest < MOST_BYTES_OF_A_ROW * (1 - ROOM)


async def test_everything_at_once_fits_into_a_row() -> None:
    """Details, a failure, a rest and both doubts of each resource are stored together."""
    world = LargestWorld()
    await world.put_largest()
    registry, now = await world.read(), world.clock.now() + timedelta(microseconds=1)
    known = tuple(
        resource.model_copy(
            update={
                "attempt": 4,
                "may_appear_until": now,
                "may_vanish_until": now,
                "details": _details(registry, resource),
            }
        )
        for resource in registry.resources
    )
    findings = Findings(
        registry.serial,
        {resource.key: Observation(Presence.CHANGING) for resource in known},
        [Action(Verb.WAIT, resource) for resource in known],
        dict.fromkeys((resource.key for resource in known), LONGEST),
    )
    ended = visits.end_visit(registry.model_copy(update={"resources": known}), findings, now)
    assert ended is not None
    told = [resource.failure.message for resource in ended.resources if resource.failure]
    assert len(told) == len(known)
    assert all(message.startswith(WIDE * 20) and message.endswith("…") for message in told)
    size = bytes_of_row("t" * 36 + ":" + "r" * 32, "registry", ended.model_dump_json())
    assert size < MOST_BYTES_OF_A_ROW * (1 - ROOM)
