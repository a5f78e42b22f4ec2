"""What callers read of registries, as rows beside those of the records."""

from registry_api.domain.names import RegistryKey
from registry_api.service.ports import Page
from registry_api.service.views import View
from registry_api.storage.keys import VIEW, partition_of, partitions_of
from registry_api.storage.paging import following, position_in
from registry_api.storage.rows import Row, Rows, UnreadableRowError, readable


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
        kept = next(readable(_parse, [row] if row is not None else ()), None)
        return kept if kept is not None else await self._made_anew(key)

    async def list(self, tenant: str, limit: int, continuation: str | None) -> Page[View]:
        """Return what callers read of up to `limit` registries of a tenant, in the order of their keys."""
        scope = f"{tenant}:{VIEW}"
        found = await self._rows.scan(*partitions_of(tenant), VIEW, limit, position_in(continuation, scope))
        return Page([*readable(_parse, found.rows)], following(found, scope))

    async def _made_anew(self, key: RegistryKey) -> View | None:
        from registry_api.service.showing import view_of  # noqa: PLC0415 - the models cost start-up time
        from registry_api.storage.store import RegistryStore  # noqa: PLC0415 - the same

        stored = await RegistryStore(self._rows).read(key)
        return None if stored is None else view_of(stored.registry)


def _parse(row: Row) -> View:
    try:
        return View.parse(row.text)
    except ValueError as error:
        raise UnreadableRowError(f"Row '{row.key}' of '{row.partition}' is no view.") from error
