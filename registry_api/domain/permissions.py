"""What a caller may do where: grants and denials of actions over scopes, as Azure role-based access control has them.

Source of the rules: learn.microsoft.com/azure/role-based-access-control (role-definitions, deny-assignments,
scope-overview): permissions add up, are inherited by every scope below, and a denial wins over every grant.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from registry_api.domain.scope import REGISTRY_TYPE


class Action(StrEnum):
    """What may be done with a registry, by the names that Azure's roles have for it."""

    READ = f"{REGISTRY_TYPE}/read"
    WRITE = f"{REGISTRY_TYPE}/write"
    DELETE = f"{REGISTRY_TYPE}/delete"


class Role(NamedTuple):
    """Actions that go together. `*` stands for any text, `/` included; letters have no case."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()

    def has(self, action: Action) -> bool:
        """Tell whether an action belongs to it."""
        return _matches(self.actions, action) and not _matches(self.not_actions, action)


# learn.microsoft.com/azure/role-based-access-control/built-in-roles, as far as registries are concerned.
BUILT_IN = {
    "Owner": Role(("*",)),
    "Contributor": Role(("*",), ("Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write")),
    "Reader": Role(("*/read",)),
}


class Grant(NamedTuple):
    """A role over a scope and everything below it; or, if it denies, what no role may give there."""

    role: Role
    scope: str
    denies: bool = False

    def covers(self, resource_id: str) -> bool:
        """Tell whether a resource is at the scope or below it."""
        return f"{resource_id}/".lower().startswith(f"{self.scope.rstrip('/')}/".lower())

    def is_below(self, resource_id: str) -> bool:
        """Tell whether its scope is a part of a resource."""
        return self.scope.lower().startswith(f"{resource_id.lower()}/")


class Permissions:
    """What one caller may do.

    Args:
        grants: Everything that is granted and denied to the caller where it may matter.
    """

    def __init__(self, grants: Iterable[Grant]) -> None:
        self._grants = tuple(grants)
        self._decisive: dict[Action, tuple[Grant, ...]] = {}

    def __or__(self, other: "Permissions") -> "Permissions":
        """Return what both together give; what either denies is denied."""
        return Permissions((*self._grants, *other._grants))

    def allow(self, action: Action, resource_id: str) -> bool:
        """Tell whether the caller may act on a resource."""
        return {grant.denies for grant in self._that_decide(action) if grant.covers(resource_id)} == {False}

    def allow_everywhere(self, action: Action, resource_id: str) -> bool | None:
        """Tell whether the caller may act on a resource and on everything in it, None if that differs."""
        if any(grant.is_below(resource_id) for grant in self._that_decide(action)):
            return None
        return self.allow(action, resource_id)

    def allow_somewhere(self, action: Action, resource_id: str) -> bool:
        """Tell whether the caller may act on a resource, or perhaps on something in it."""
        return self.allow(action, resource_id) or any(
            grant.is_below(resource_id) for grant in self._that_decide(action) if not grant.denies
        )

    def _that_decide(self, action: Action) -> tuple[Grant, ...]:
        if action not in self._decisive:
            self._decisive[action] = tuple(grant for grant in self._grants if grant.role.has(action))
        return self._decisive[action]


def _matches(patterns: Iterable[str], action: Action) -> bool:
    return any(_compiled(pattern).fullmatch(action) for pattern in patterns)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.IGNORECASE)
