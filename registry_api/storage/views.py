"""What callers read of registries, as rows beside those of the records."""

import logging

from registry_api.domain.names import RegistryKey, key_of
from registry_api.service.ports import Page
from registry_api.service.views import View
from registry_api.storage.keys import VIEW, partition_of, partitions_of
from registry_api.storage.paging import following, position_in
from registry_api.storage.rows import Row, Rows, UnreadableRowError

_log = logging.getLogger(__name__)


class RegistryViews:
    """Views in rows.

    Args:
        rows: Where they are kept.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def read(self, key: RegistryKey) -> View | None:
        """Return what callers read of a registry, made anew where it is not kept as it should be, or None."""
        row = await self._rows.get(partition_of(key), VIEW)
        kept = None if row is None else _parse(row)
        return kept or await self._made_anew(key)

    async def list(self, tenant: str, limit: int, continuation: str | None) -> Page[View]:
        """Return what callers read of up to `limit` registries of a tenant, in the order of their keys.

        One whose view is not kept as it should be costs a read of its own.
        """
        scope = f"{tenant}:{VIEW}"
        found = await self._rows.scan(*partitions_of(tenant), VIEW, limit, position_in(continuation, scope))
        items = [_parse(row) or await self._made_anew(RegistryKey(tenant, _name_in(row))) for row in found.rows]
        return Page([view for view in items if view is not None], following(found, scope))

    async def _made_anew(self, key: RegistryKey) -> View | None:
        """Return the view of a registry, if there is one that can be read. To read writes nothing."""
        from registry_api.service.showing import view_of  # noqa: PLC0415 - the models cost start-up time
        from registry_api.storage.store import RegistryStore  # noqa: PLC0415 - the same

        try:
            stored = await RegistryStore(self._rows).read(key)
        except UnreadableRowError:
            _log.exception("A registry cannot be read, and is left out.")
            return None
        return None if stored is None or stored.registry.key != key else view_of(stored.registry)


def _parse(row: Row) -> View | None:
    """Return the view that a row holds, None if it holds something else, or that of another registry."""
    try:
        view = View.parse(row.text)
    except ValueError:
        view = None
    if view is None or key_of(view.name) != _name_in(row):
        _log.error("Row '%s' of '%s' is not its view.", row.key, row.partition)
        return None
    return view


def _name_in(row: Row) -> str:
    return row.partition.rpartition(":")[2]
