"""Many registries at rest, put into the table as rows: asking the app for each would take hours."""

import asyncio
from typing import Any

from registry_api.domain.names import RegistryKey
from registry_api.storage.keys import REGISTRY, VIEW, partition_of
from registry_api.storage.rows import Insert

_WRITERS = 16


async def seed(rows: Any, tenant: str, model: str, wanted: range) -> None:
    """Put copies of a registry beside it, each with a name of its own and in a partition of its own.

    Args:
        rows: The table.
        tenant: Whose registries they are.
        model: The name of the registry to copy.
        wanted: The numbers of the copies.
    """
    copied = [await rows.get(partition_of(RegistryKey(tenant, model)), key) for key in (REGISTRY, VIEW)]
    numbers = iter(wanted)

    async def write() -> None:
        for number in numbers:
            name = f"{model}-{number}"
            writes = [Insert(row.key, row.text.replace(model, name)) for row in copied]
            await rows.transact(partition_of(RegistryKey(tenant, name)), writes)

    async with asyncio.TaskGroup() as group:
        for _ in range(_WRITERS):
            group.create_task(write())
