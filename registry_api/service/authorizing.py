"""Whether a caller may do what it asks for: asked before it learns whether the registry is there.

A registry that the caller may not read is as absent as one that never was: the answer is then the one for a registry
that would be where the request says, or, if it says nothing, where the settings say.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from registry_api.domain.caller import Caller
from registry_api.domain.filters import ALL, Filter
from registry_api.domain.permissions import Action, Permissions
from registry_api.domain.problems import Code, Refusal, quote, refuse
from registry_api.domain.scope import Scope, parse_group
from registry_api.service.ports import Roles, UnreadableError

if TYPE_CHECKING:
    from registry_api.domain.registry import Registry
    from registry_api.service.records import Stored

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Who asks, and about which part of its tenant."""

    caller: Caller
    scope: Scope  # where a registry that is not there would be
    within: Filter = ALL  # the scope that the caller names; a registry outside of it is none


async def look_up(reading: Awaitable[T], action: Action, name: str, inquiry: Inquiry, roles: Roles) -> T:
    """Return what is read of a registry. If nobody can tell what that is, it is told as such to whom it may concern.

    Raises:
        Refusal: If it cannot be read, and the caller may not do what it asks for where the registry would be.
        UnreadableError: If it cannot be read, and the caller may.
    """
    try:
        return await reading
    except UnreadableError:
        await authorize(action, name, inquiry, roles)
        raise


async def see(stored: "Stored | None", action: Action, name: str, inquiry: Inquiry, roles: Roles) -> "Registry | None":
    """Return what is stored under a name, if it is there for the caller, who may do what it asks for.

    Raises:
        Refusal: If the caller may not do it, neither there nor where the registry would be, or it cannot be told.
    """
    registry = stored.registry if stored else None
    is_seen = await may_see(action, name, registry.scope if registry else None, inquiry, roles)
    return registry if is_seen else None


async def may_see(action: Action, name: str, there: Scope | None, inquiry: Inquiry, roles: Roles) -> bool:
    """Tell whether something of a registry is there for the caller, who may do what it asks for.

    Args:
        action: What the caller asks for.
        name: The registry's name.
        there: Where the registry is or was; None if there is none.
        inquiry: Who asks.
        roles: What callers may do.

    Raises:
        Refusal: If the caller may not do it, neither there nor where the registry would be, or it cannot be told.
    """
    if there is not None and inquiry.within.covers(there):
        if await may(action, name, there, inquiry, roles):
            return True
        if await may(Action.READ, name, there, inquiry, roles):
            raise forbidden(action, there.id, inquiry.caller)
    await authorize(action, name, inquiry, roles)
    return False


async def readable(
    found: Sequence[T], groups: Sequence[str], id_of: Callable[[T], str], *, inquiry: Inquiry, roles: Roles
) -> Sequence[T]:
    """Return what the caller may read and asks about.

    Args:
        found: Registries, or what is kept of them.
        groups: The resource group of each, by its Azure resource id.
        id_of: Tells of which registry something is, by its Azure resource id.
        inquiry: Who asks.
        roles: What callers may do.

    Raises:
        Refusal: If it cannot be told what the caller may read.
    """
    places = {group: parse_group(group) for group in {*groups}}
    within = {group: place for group, place in places.items() if inquiry.within.covers(place)}
    told = await _permissions_in({place.subscription_id for place in within.values()}, inquiry.caller, roles)
    verdicts = {
        group: group in within and _verdict(told[place.subscription_id], group) for group, place in places.items()
    }
    if all(verdict is True for verdict in verdicts.values()):
        return found

    def may_read(item: T, group: str) -> bool:
        verdict = verdicts[group]
        return verdict.allow(Action.READ, id_of(item)) if isinstance(verdict, Permissions) else verdict

    return [item for item, group in zip(found, groups, strict=True) if may_read(item, group)]


async def _permissions_in(subscriptions: Collection[str], caller: Caller, roles: Roles) -> Mapping[str, Permissions]:
    """Return what a caller may do in each of some subscriptions, which are asked about side by side."""
    asked = [roles.permissions_of(caller, subscription) for subscription in subscriptions]
    told = await asyncio.gather(*asked) if len(asked) > 1 else [await one for one in asked]  # tasks have their price
    return dict(zip(subscriptions, told, strict=True))


def _verdict(permissions: Permissions, group: str) -> bool | Permissions:
    """Tell whether a caller may read what is in a resource group; by what, if that differs."""
    verdict = permissions.allow_everywhere(Action.READ, group)
    return permissions if verdict is None else verdict


async def authorize(action: Action, name: str, inquiry: Inquiry, roles: Roles) -> None:
    """Let the caller act where a registry of this name would be.

    Raises:
        Refusal: If it may not, or it cannot be told.
    """
    if not await may(action, name, inquiry.scope, inquiry, roles):
        raise forbidden(action, inquiry.scope.id, inquiry.caller)


async def may(action: Action, name: str, there: Scope, inquiry: Inquiry, roles: Roles) -> bool:
    """Tell whether the caller may act on a registry."""
    permissions = await roles.permissions_of(inquiry.caller, there.subscription_id)
    return permissions.allow(action, there.registry_id(name))


async def authorize_listing(inquiry: Inquiry, roles: Roles) -> None:
    """Let the caller list what is within the scope that it names, if it may read anything there.

    Raises:
        Refusal: If it may not, or it cannot be told.
    """
    subscription = inquiry.within.subscription_id
    if subscription is not None:  # a group alone is looked for in every subscription
        named = inquiry.scope.id if inquiry.within.resource_group else f"/subscriptions/{subscription}"
        permissions = await roles.permissions_of(inquiry.caller, subscription)
        if not permissions.allow_somewhere(Action.READ, named):
            raise forbidden(Action.READ, named, inquiry.caller)


def forbidden(action: Action, scope: str, caller: Caller) -> Refusal:
    """Return the refusal of what the caller may not do."""
    return refuse(
        Code.AUTHORIZATION_FAILED,
        f"{quote(caller.name)} may not perform action '{action}' over scope {quote(scope)}; a role that has the action "
        "must be assigned there or above, and nothing may deny it.",
    )
