"""Flows in which the cloud, the worker or a message is not as it should be. They are crash points like the others."""

from datetime import timedelta

from registry_api.domain.drift import CHECK_INTERVAL
from registry_api.domain.names import RegistryKey
from registry_api.domain.problems import Code
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.registry import DRIFTED, TRUE, Registry
from registry_api.domain.resources import Failure, FailureKind, Kind, Resource
from registry_api.service import registries
from registry_api.service.backend import BackendError
from registry_api.storage.retention import KEEP_EVENTS
from tests.service.world import ADA
from tests.simulation import asking
from tests.simulation.scenario import Scenario, intent
from tests.simulation.world import PoisonedIds

_KEY = RegistryKey.of(ADA.tenant, asking.NAME)
_REST = timedelta(seconds=90)
_TICKS = 5
_FULL = timedelta(minutes=1)
_GARBAGE = b"\xff not a message"


async def throttled(world: Scenario) -> None:
    """A region wants to be left alone for a while, and another one is made meanwhile."""
    early, until = 0, world.clock.now()
    is_asked = False

    def trouble(_: Registry, resource: Resource) -> BackendError | None:
        nonlocal early, until, is_asked
        now = world.clock.now()
        if resource.region != "westus" or resource.kind is not Kind.STORAGE_ACCOUNT:
            return None
        if is_asked:
            early += now < until
            return None
        is_asked, until = True, now + _REST
        return BackendError(
            Failure(code=Code.REGION_UNAVAILABLE, message="Slow down.", kind=FailureKind.THROTTLED, retry_after=_REST)
        )

    world.cloud.trouble = trouble
    world.arm()
    await world.ask(asking.put(world, "eastus", "westus"))
    await world.settle()
    if early and world.is_undisturbed:
        world.violations.append(f"the cloud was asked {early} times before it wanted to be")
    _expect_success(world)


async def name_taken(world: Scenario) -> None:
    """Somebody else has the names of the storage accounts, and of the container registry: others are taken."""

    def trouble(_: Registry, resource: Resource) -> BackendError | None:
        if resource.attempt or resource.kind is Kind.REPLICA:
            return None
        message = f"The name '{resource.name}' is taken."
        return BackendError(Failure(code=Code.PROVISIONING_FAILED, message=message, kind=FailureKind.NAME_TAKEN))

    world.cloud.trouble = trouble
    world.arm()
    await world.ask(asking.put(world, "eastus", "westus"))
    await world.settle()
    _expect_success(world)


async def paused_drift(world: Scenario) -> None:
    """A paused registry drifts, which is told and not repaired until it is paused no longer."""
    await asking.existing(world, "eastus", "westus", paused=True)
    asking.meddle(world)
    for is_armed in (True, True, False):  # a look that fails is made again an interval later
        world.plan.is_armed = is_armed
        world.clock.advance(CHECK_INTERVAL.total_seconds())
        await world.settle_with_net()
    for registry in filter(None, map(world.journal.latest, world.journal.keys)):
        drifted = registry.condition(DRIFTED)
        if drifted is None or drifted.status != TRUE:
            world.violations.append(f"a paused registry has drifted, and says {drifted}")
        if registry.generation > 1 or registry.serial > 1:
            world.violations.append("a paused registry is repaired")
    world.arm()
    await world.ask(lambda: registries.patch(asking.NAME, {"paused": False}, intent(), ports=world.ports))
    await world.settle_with_net()
    world.plan.is_armed = False
    await world.ask(lambda: registries.patch(asking.NAME, {"paused": False}, intent(), ports=world.ports))
    await world.ask(asking.reconcile(world))
    await world.settle_with_net()
    world.expect_repaired()


async def poison_by_fault(world: Scenario) -> None:
    """A fault of the service breaks every visit off, in its middle, until the host gives the message up."""
    world.plant_fault(PoisonedIds(world.ports.ids))
    world.arm()
    await world.ask(asking.put(world, "eastus"))
    await world.settle()
    error = [registry.operation.error for registry in filter(None, map(world.journal.latest, world.journal.keys))]
    if world.is_undisturbed and "RuntimeError" not in str(error):
        world.violations.append(f"nobody is told what has broken the visits off: {error}")


async def full_queue(world: Scenario) -> None:
    """The queue takes no message for a minute; the host gives a visit's message up, and the operation goes on."""
    world.arm()
    await world.ask(asking.put(world, "eastus", "westus"))
    world.fill_queue(_FULL)
    await world.settle()
    _expect_success(world)


async def quarantine(world: Scenario) -> None:
    """A message that nobody can read is kept, and holds nobody up."""
    world.arm()
    await world.ask(asking.put(world, "eastus"))
    await world.receive_garbage(_GARBAGE)
    await world.settle()
    if _GARBAGE not in await world.quarantined():
        world.violations.append("a message that nobody can read is lost")


async def retention(world: Scenario) -> None:
    """What was kept for long enough of a registry that is gone is removed, and what is there stays."""
    await asking.existing(world, "eastus")
    world.plan.is_armed = False
    await world.ask(asking.delete(world))
    await world.settle()
    gone = [entry.before for entry in world.journal.entries(_KEY) if entry.after is None]
    await world.ask(asking.put(world, "eastus", "westus"))
    await world.settle()
    world.clock.advance((KEEP_EVENTS + timedelta(days=1)).total_seconds())
    for is_armed in (True, True, False):
        world.plan.is_armed = is_armed
        for _ in range(_TICKS):
            await world.tick()
    for registry in filter(None, gone):
        if await world.truth.read_operation(registry.key, registry.operation.id):
            world.violations.append("the operation of a registry that is gone is kept for ever")
        if (await world.truth.list_revisions(registry.key, registry.incarnation, 1, None)).items:
            world.violations.append("the revisions of a registry that is gone are kept for ever")
    await world.settle_with_net()


def _expect_success(world: Scenario) -> None:
    for registry in filter(None, map(world.journal.latest, world.journal.keys)):
        if registry.state is not ProvisioningState.SUCCEEDED:
            world.violations.append(f"'{registry.spec.name}' is {registry.state}, and nothing is in its way any more")


FLOWS = (throttled, name_taken, paused_drift, poison_by_fault, full_queue, quarantine, retention)
