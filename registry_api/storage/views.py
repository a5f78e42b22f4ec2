"""What callers read of registries, as rows beside those of the records."""

import logging

from registry_api.domain.names import RegistryKey
from registry_api.service.ports import Page, UnreadableError
from registry_api.service.views import View, view_in, views_in
from registry_api.storage.keys import VIEW, partition_of, partitions_of
from registry_api.storage.paging import following, position_in
from registry_api.storage.rows import Row, Rows

_log = logging.getLogger(__name__)


class RegistryViews:
    """Views in rows.

    Args:
        rows: Where they are kept.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def read(self, key: RegistryKey) -> View | None:
        """Return what callers read of a registry, made anew where it is not kept as it should be, or None.

        Raises:
            UnreadableError: If it cannot be made.
        """
        row = await self._rows.get(partition_of(key), VIEW)
        if row is None:
            return await self._made_anew(key)
        return view_in(row.text, _name_in(row)) or await self._instead_of(row, key.tenant)

    async def list(self, tenant: str, limit: int, continuation: str | None) -> Page[View]:
        """Return what callers read of up to `limit` registries of a tenant, in the order of their keys.

        One whose view is not kept as it should be costs a read of its own, and is left out if that tells nothing.
        """
        scope = f"{tenant}:{VIEW}"
        found = await self._rows.scan(*partitions_of(tenant), VIEW, limit, position_in(continuation, scope))
        kept = views_in([(row.text, _name_in(row)) for row in found.rows])
        items = [view or await self._any_instead_of(row, tenant) for view, row in zip(kept, found.rows, strict=True)]
        return Page([view for view in items if view is not None], following(found, scope))

    async def _any_instead_of(self, row: Row, tenant: str) -> View | None:
        try:
            return await self._instead_of(row, tenant)
        except UnreadableError:
            _log.exception("A registry cannot be read, and is left out.")
            return None

    async def _instead_of(self, row: Row, tenant: str) -> View | None:
        """Return the view of the registry that a row is to be of."""
        _log.error("Row '%s' of '%s' is not its view.", row.key, row.partition)
        return await self._made_anew(RegistryKey(tenant, _name_in(row)))

    async def _made_anew(self, key: RegistryKey) -> View | None:
        """Return the view of a registry, if there is one. To read writes nothing."""
        from registry_api.service.showing import view_of  # noqa: PLC0415 - the models cost start-up time
        from registry_api.storage.store import RegistryStore  # noqa: PLC0415 - the same

        stored = await RegistryStore(self._rows).read(key)
        return None if stored is None else view_of(stored.registry)


def _name_in(row: Row) -> str:
    return row.partition.rpartition(":")[2]
