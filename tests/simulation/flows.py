"""The flows whose every boundary is a crash point. A flow arms its world where boundaries begin to count."""

from collections.abc import Awaitable, Callable

from registry_api.domain.delivery import REMIND_AFTER, DeliveryFailure
from registry_api.domain.drift import CHECK_INTERVAL
from registry_api.service import registries
from registry_api.service.audience import Letter
from tests.service.world import ADA, document
from tests.simulation import asking, troubles
from tests.simulation.cloud import refused
from tests.simulation.scenario import Scenario, intent


async def create(world: Scenario) -> None:
    """A registry is made."""
    world.arm()
    await world.ask(asking.put(world, "eastus", "westus"))
    await world.settle()


async def create_once(world: Scenario) -> None:
    """A registry is made under an idempotency key."""
    world.arm()
    wanted = document("eastus")
    await world.ask(lambda: registries.create(wanted, intent(), idempotency_key="key", ports=world.ports))
    await world.settle()


async def update(world: Scenario) -> None:
    """A registry gets another description, which changes nothing in the cloud."""
    await asking.existing(world, "eastus")
    await world.ask(asking.describe(world, "new"))
    await world.settle()


async def add_region(world: Scenario) -> None:
    """A registry gets another region."""
    await asking.existing(world, "eastus")
    await world.ask(asking.put(world, "eastus", "westus"))
    await world.settle()


async def remove_region(world: Scenario) -> None:
    """A registry loses a region."""
    await asking.existing(world, "eastus", "westus")
    await world.ask(asking.put(world, "eastus"))
    await world.settle()


async def delete(world: Scenario) -> None:
    """A registry is deleted."""
    await asking.existing(world, "eastus", "westus")
    await world.ask(asking.delete(world))
    await world.settle()


async def delete_and_create(world: Scenario) -> None:
    """A registry is deleted, and another one is made under its name."""
    await asking.existing(world, "eastus")
    await world.ask(asking.delete(world))
    await world.settle()
    await world.ask(asking.put(world, "eastus"))
    await world.settle()


async def cancel(world: Scenario) -> None:
    """A creation is canceled while it is under way."""
    world.arm()
    await world.ask(asking.put(world, "eastus", "westus"))
    await world.work()
    await world.ask(asking.cancel(world))
    await world.settle()


async def cancel_deletion(world: Scenario) -> None:
    """A deletion is canceled while it is under way, and the registry is made whole again."""
    await asking.existing(world, "eastus")
    await world.ask(asking.delete(world))
    await world.work()
    await world.ask(asking.cancel(world))
    await world.ask(asking.put(world, "eastus"))
    await world.settle()


async def supersede(world: Scenario) -> None:
    """A registry gets one region while another one is still being made."""
    world.arm()
    await world.ask(asking.put(world, "eastus", "westus"))
    await world.work()
    await world.ask(asking.put(world, "eastus", "eastus2"))
    await world.settle()


async def supersede_by_deletion(world: Scenario) -> None:
    """A registry is deleted while it is being made."""
    world.arm()
    await world.ask(asking.put(world, "eastus", "westus"))
    await world.work()
    await world.ask(asking.delete(world))
    await world.settle()


async def close(world: Scenario) -> None:
    """What may be reached from the internet is closed, and opened again in the middle of that."""
    await asking.existing(world, "eastus", "westus")
    await world.ask(asking.put(world, "eastus", "westus", public_network_access="disabled"))
    await world.work()
    await world.ask(asking.put(world, "eastus", "westus"))
    await world.settle()


async def close_what_is_made(world: Scenario) -> None:
    """A registry is closed while it is being made."""
    world.arm()
    await world.ask(asking.put(world, "eastus", "westus"))
    await world.work()
    await world.ask(asking.put(world, "eastus", "westus", public_network_access="disabled"))
    await world.settle()


async def join(world: Scenario) -> None:
    """A registry gets another description before a worker has begun to make it, and again in the middle of it."""
    world.arm()
    await world.ask(asking.put(world, "eastus", "westus"))
    await world.ask(asking.describe(world, "new"))
    await world.work()
    await world.ask(asking.describe(world, "newer"))
    await world.settle()


async def join_and_fail(world: Scenario) -> None:
    """A registry gets another description after one of its regions has failed for good, and before all has ended."""
    world.cloud.trouble = lambda _, resource: refused("westus") if resource.region == "westus" else None
    world.arm()
    await world.ask(asking.put(world, "eastus", "westus"))
    await world.work()
    await world.ask(asking.describe(world, "new"))
    await world.settle()


async def fail(world: Scenario) -> None:
    """A registry fails in one of its regions for good."""
    world.cloud.trouble = lambda _, resource: refused("westus") if resource.region == "westus" else None
    world.arm()
    await world.ask(asking.put(world, "eastus", "westus"))
    await world.settle()


async def retry(world: Scenario) -> None:
    """What has failed is tried again when the cause is gone."""
    world.cloud.trouble = lambda _, resource: refused("westus") if resource.region == "westus" else None
    await asking.existing(world, "eastus", "westus")
    world.cloud.trouble = lambda *_: None
    await world.ask(asking.reconcile(world))
    await world.settle()


async def retry_by_put(world: Scenario) -> None:
    """What has failed is tried again because the same document is put again."""
    world.cloud.trouble = lambda _, resource: refused("westus") if resource.region == "westus" else None
    await asking.existing(world, "eastus", "westus")
    world.cloud.trouble = lambda *_: None
    await world.ask(asking.put(world, "eastus", "westus"))
    await world.settle()


async def reconcile(world: Scenario) -> None:
    """A registry of which something was removed and something else changed is looked at again."""
    await asking.existing(world, "eastus", "westus")
    asking.meddle(world)
    await world.ask(asking.reconcile(world))
    await world.settle()


async def poison(world: Scenario) -> None:
    """Every visit fails at once, until the host gives the message up."""
    world.break_worker()
    world.arm()
    await world.ask(asking.put(world, "eastus"))
    await world.settle()


async def lost_queue(world: Scenario) -> None:
    """Every message is lost while a registry is being made, and the resync timer notices."""
    await world.ask(asking.put(world, "eastus", "westus"))
    await world.work()
    world.lose_messages()
    world.arm()
    await world.settle_with_net()


async def lost_deletion(world: Scenario) -> None:
    """Every message is lost while a registry is on its way out."""
    await asking.existing(world, "eastus")
    await world.ask(asking.delete(world))
    world.lose_messages()
    await world.settle_with_net()


async def overdue(world: Scenario) -> None:
    """No visit ever ends, and the resync timer ends the operation."""
    world.break_worker()
    await world.ask(asking.put(world, "eastus"))
    world.lose_messages()
    world.let_time_out()
    world.arm()
    await world.settle_with_net()


async def drift(world: Scenario) -> None:
    """Something is removed and something else changed behind a registry, and the resync timer repairs it."""
    await asking.existing(world, "eastus", "westus")
    asking.meddle(world)
    for is_armed in (True, True, False):  # a look that fails is made again an interval later
        world.plan.is_armed = is_armed
        world.clock.advance(CHECK_INTERVAL.total_seconds())
        await world.settle_with_net()
    world.expect_repaired()


async def drift_and_update(world: Scenario) -> None:
    """A registry that has drifted is changed in the moment in which it is looked at."""
    await asking.existing(world, "eastus", "westus")
    asking.meddle(world)
    world.clock.advance(CHECK_INTERVAL.total_seconds())
    await world.tick()
    await world.ask(asking.put(world, "eastus", "eastus2"))
    await world.settle_with_net()


async def told(world: Scenario) -> None:
    """Somebody is told that a registry is made."""
    _listen(world)
    world.arm()
    await world.ask(asking.put(world, "eastus"))
    await world.settle()


async def told_of_the_end(world: Scenario) -> None:
    """Somebody is told that a registry is gone, and that there is another one of its name."""
    _listen(world)
    await asking.existing(world, "eastus")
    await world.ask(asking.delete(world))
    await world.settle()
    await world.ask(asking.put(world, "eastus"))
    await world.settle()


async def told_again(world: Scenario) -> None:
    """Somebody does not take the first letters, and one of them never."""
    _listen(world)
    world.letters.trouble = lambda _, letter: _reluctance(world, letter)
    world.arm()
    await world.ask(asking.put(world, "eastus"))
    await world.settle()


async def told_after_a_loss(world: Scenario) -> None:
    """Every notice is lost, and the resync timer finds what is yet to be told."""
    _listen(world)
    world.letters.trouble = lambda *_: DeliveryFailure(cause="It answered 500.")
    await world.ask(asking.put(world, "eastus"))
    while world.queue.messages():
        await world.work()
    world.lose_messages()
    world.letters.trouble = lambda *_: None
    world.clock.advance(REMIND_AFTER.total_seconds())
    world.arm()
    await world.settle_with_net()


def _listen(world: Scenario) -> None:
    world.subscribe(ADA.tenant)


def _reluctance(world: Scenario, letter: Letter) -> DeliveryFailure | None:
    if letter.id.endswith("-2"):
        return DeliveryFailure(cause="It answered 410.", final=True)
    tried = [other for other in world.letters.tried[f"of-{ADA.tenant}"] if other.id == letter.id]
    return DeliveryFailure(cause="It answered 500.") if len(tried) < 2 else None


Flow = Callable[[Scenario], Awaitable[None]]

FLOWS: dict[str, Flow] = {
    flow.__name__: flow
    for flow in (
        create,
        create_once,
        update,
        add_region,
        remove_region,
        delete,
        delete_and_create,
        cancel,
        cancel_deletion,
        supersede,
        close,
        close_what_is_made,
        supersede_by_deletion,
        join,
        join_and_fail,
        fail,
        retry,
        retry_by_put,
        reconcile,
        poison,
        lost_queue,
        lost_deletion,
        overdue,
        drift,
        drift_and_update,
        told,
        told_of_the_end,
        told_again,
        told_after_a_loss,
        *troubles.FLOWS,
    )
}
"""By their names. A new flow is a function here and is covered like the others."""
