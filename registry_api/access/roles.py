"""What callers may do, as the settings say."""

from registry_api.domain.assignments import RoleBook
from registry_api.domain.permissions import Permissions
from registry_api.domain.registry import Caller


class StaticRoles:
    """Lets callers do what a book of roles says.

    Args:
        book: All roles and assignments.
    """

    def __init__(self, book: RoleBook) -> None:
        self._book = book

    async def permissions_of(self, caller: Caller, subscription_id: str) -> Permissions:
        """Return what a caller may do, wherever it is."""
        del subscription_id
        return Permissions(self._book.grants_of(caller.tenant, caller.principal))
