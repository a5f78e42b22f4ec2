"""What callers may do, as the settings say, and as several sources say together."""

from functools import lru_cache

from registry_api.domain.assignments import RoleBook
from registry_api.domain.caller import Caller
from registry_api.domain.permissions import Permissions
from registry_api.service.ports import Roles

_MOST_CALLERS = 1024  # whose permissions are kept


class StaticRoles:
    """Lets callers do what a book of roles says.

    Args:
        book: All roles and assignments.
    """

    def __init__(self, book: RoleBook) -> None:
        @lru_cache(_MOST_CALLERS)
        def permissions_of(tenant: str, principal: str) -> Permissions:
            return Permissions(book.grants_of(tenant, principal))

        self._permissions_of = permissions_of

    async def permissions_of(self, caller: Caller, subscription_id: str) -> Permissions:
        """Return what a caller may do, wherever it is."""
        del subscription_id
        return self._permissions_of(caller.tenant, caller.principal)


class CombinedRoles:
    """Lets callers do what any of several sources gives and none of them denies.

    Args:
        sources: The sources.
    """

    def __init__(self, *sources: Roles) -> None:
        self._sources = sources

    async def permissions_of(self, caller: Caller, subscription_id: str) -> Permissions:
        """Return what a caller may do in a subscription.

        Raises:
            Refusal: If one of the sources cannot tell.
        """
        permissions = Permissions(())
        for source in self._sources:
            permissions |= await source.permissions_of(caller, subscription_id)
        return permissions
