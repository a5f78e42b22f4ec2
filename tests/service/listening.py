"""A world with subscribers, and what a test asks it about them."""

from typing import Any

from registry_api.domain.delivery import DeliveryFailure, Undelivered
from registry_api.domain.names import RegistryKey
from registry_api.service import history
from registry_api.storage.outbox import RegistryOutbox
from tests.courier import subscriber
from tests.service.world import ASKING, World

DEMO = RegistryKey("tenant", "demo1")
CREATED, UPDATED, DELETED = "registry.created", "registry.updated", "registry.deleted"
PROVISIONED, FAILED, DRIFTED = "registry.provisioned", "registry.failed", "registry.drifted"
BUSY = DeliveryFailure(cause="It answered 500.")
HOUR = 3600


def listening(*subscribers: Any) -> World:
    """Return a world with these subscribers, or one that is told everything."""
    world = World()
    world.subscribers = subscribers or (subscriber(),)
    return world


async def undelivered(world: World) -> list[Undelivered]:
    """Return the dead letters, the newest first."""
    page = await history.list_undelivered("Demo1", 100, None, ASKING, ports=world.ports)
    return list(page.items)


async def outstanding(world: World) -> list[int]:
    """Return up to which event everything that is in the outbox goes."""
    return [kept.record.through for kept in (await RegistryOutbox(world.rows).walk(100, None)).items]
