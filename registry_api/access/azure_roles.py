"""What callers may do, as Azure's own role assignments say.

Fails closed: while Azure does not answer, nobody may do anything, and what cannot be judged here grants nothing and
denies everything that it names. docs/access.md tells the rules one by one.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta
from typing import NamedTuple

from registry_api.access.azure_authorization import (
    DEADLINE_SECONDS,
    AzureAuthorization,
    DenyAssignment,
    Permission,
    RoleAssignment,
)
from registry_api.access.cache import Cache
from registry_api.domain.caller import Caller
from registry_api.domain.permissions import BUILT_IN, Action, Grant, Permissions, Role
from registry_api.domain.problems import Code, refuse
from registry_api.domain.scope import GUID
from registry_api.service.ports import Clock

KEEP = timedelta(minutes=5)
KEEP_NOTHING = timedelta(seconds=30)
KEEP_DEFINITIONS = timedelta(hours=4)
MOST_CALLERS = 4096
MOST_SUBSCRIPTIONS = 512
MOST_DEFINITIONS = 4096

# learn.microsoft.com/azure/role-based-access-control/built-in-roles
_BUILT_IN = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
}
_EVERYBODY = "00000000-0000-0000-0000-000000000000"
_ONE_PERSON = frozenset({"user", "serviceprincipal"})
_GUID = re.compile(GUID)
_GROUP = r"/resourcegroups/[^/]+"
_REGISTRY = r"/providers/microsoft\.machinelearningservices/registries/[^/]+"
_MANAGEMENT_GROUP = "/providers/microsoft.management/managementgroups/"


class _Key(NamedTuple):
    tenant: str
    principal: str
    subscription: str


class AzureRoles:
    """Lets callers do what their role assignments on Azure say.

    Args:
        azure: Tells of assignments.
        clock: Tells how old it is what Azure told.
    """

    def __init__(self, azure: AzureAuthorization, clock: Clock) -> None:
        self._azure = azure
        self._tenants = Cache(azure.tenant_of, _while_something(KEEP_DEFINITIONS), MOST_SUBSCRIPTIONS, clock)
        self._grants = Cache(self._ask_grants, _while_something(KEEP), MOST_CALLERS, clock)
        self._denials = Cache(self._ask_denials, lambda _: KEEP, MOST_SUBSCRIPTIONS, clock)
        self._definitions = Cache(self._ask_definition, _while_something(KEEP_DEFINITIONS), MOST_DEFINITIONS, clock)

    async def permissions_of(self, caller: Caller, subscription_id: str) -> Permissions:
        """Return what a caller may do in a subscription.

        Raises:
            Refusal: If Azure does not answer.
        """
        key = _Key(caller.tenant.lower(), (caller.id or "").lower(), subscription_id.lower())
        if not (_GUID.fullmatch(key.principal) and _GUID.fullmatch(key.subscription)):
            return Permissions(())
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                grants, denials = await self._find(key)
        except TimeoutError:
            raise refuse(
                Code.AUTHORIZATION_UNAVAILABLE, "What you may do cannot be told now: Azure does not answer in time."
            ) from None
        denied = [denial for denial in denials if _concerns(denial, key.principal)]
        return Permissions([*grants, *(grant for denial in denied for grant in _denied(denial, key.subscription))])

    async def _find(self, key: _Key) -> tuple[Collection[Grant], Collection[DenyAssignment]]:
        if await self._tenants.get(key.subscription) != key.tenant:
            return (), ()  # ids of another tenant's directory mean nothing there
        # Denials also count where nothing is granted: others may grant something.
        return await asyncio.gather(self._grants.get(key), self._denials.get(key.subscription))

    async def _ask_grants(self, key: _Key) -> tuple[Grant, ...]:
        places = [
            (place, assignment.role_definition_id.lower().rpartition("/")[2])
            for assignment in await self._azure.assignments_of(key.principal, key.subscription)
            if _is_of(assignment, key.principal)
            if (place := _place(assignment.scope, key.subscription)) is not None
        ]
        names = sorted({name for _, name in places if _GUID.fullmatch(name)})
        found = await asyncio.gather(*(self._roles_of(name, key.subscription) for name in names))
        roles = dict(zip(names, found, strict=True))
        return tuple(Grant(role, place) for place, name in places for role in roles.get(name, ()))

    async def _ask_denials(self, subscription: str) -> tuple[DenyAssignment, ...]:
        return tuple(
            denial for denial in await self._azure.denials_in(subscription) if any(_denied(denial, subscription))
        )

    async def _ask_definition(self, key: tuple[str, str]) -> tuple[Role, ...]:
        role, subscription = key
        return tuple(
            _role(permission)
            for permission in await self._azure.definition_of(role, subscription)
            if permission.condition is None
        )

    async def _roles_of(self, name: str, subscription: str) -> tuple[Role, ...]:
        built_in = _BUILT_IN.get(name)
        found = (BUILT_IN[built_in],) if built_in else await self._definitions.get((name, subscription))
        return tuple(role for role in found if _matters(role))


def _while_something(keep: timedelta) -> Callable[[object], timedelta]:
    return lambda answer: keep if answer else KEEP_NOTHING


def _is_of(assignment: RoleAssignment, principal: str) -> bool:
    """Tell whether an assignment counts: Azure gives those of the caller's groups, too. Conditions are not judged."""
    is_own = assignment.principal_id.lower() == principal
    is_of_a_group = (assignment.principal_type or "").lower() == "group"
    return not assignment.condition and (is_own or is_of_a_group)


def _concerns(denial: DenyAssignment, principal: str) -> bool:
    """Tell whether a denial may be the caller's. Who is in a group is not known here: so everybody may be."""
    if any(excluded.id.lower() == principal for excluded in denial.exclude_principals or ()):
        return False
    return any(
        one.id.lower() in {principal, _EVERYBODY} or (one.type or "").lower() not in _ONE_PERSON
        for one in denial.principals
    )


def _denied(denial: DenyAssignment, subscription: str) -> Iterable[Grant]:
    place = _place(denial.scope, subscription, unknown=f"/subscriptions/{subscription}")
    if place is None or (denial.do_not_apply_to_child_scopes and not re.search(rf"{_REGISTRY}$", place)):
        return
    for permission in denial.permissions:
        if _matters(role := _role(permission)):
            yield Grant(role, place, denies=True)


def _place(scope: str, subscription: str, unknown: str | None = None) -> str | None:
    """Return the part of a subscription that a scope covers, None if no registry can be in it.

    Args:
        scope: The scope of an assignment.
        subscription: The subscription.
        unknown: What to return for a scope that is neither of a subscription nor one that is known.
    """
    whole, text = f"/subscriptions/{subscription}", scope.lower().rstrip("/")
    if not text or text.startswith(_MANAGEMENT_GROUP):  # Azure tells of those only that are above
        return whole
    if not text.startswith("/subscriptions/"):
        return unknown
    return text if re.fullmatch(rf"{whole}({_GROUP}({_REGISTRY})?)?", text) else None


def _role(permission: Permission) -> Role:
    return Role(permission.actions or (), permission.not_actions or ())


def _matters(role: Role) -> bool:
    return any(role.has(action) for action in Action)
