"""Read and list registries."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from registry_api.domain.filters import Filter
from registry_api.domain.names import RegistryKey, is_registry_name
from registry_api.domain.permissions import Action
from registry_api.domain.problems import Code, Refusal, quote, refuse
from registry_api.service.authorizing import Inquiry, authorize_listing, look_up, may_see, readable, see
from registry_api.service.ports import Page, Ports, Roles, Views
from registry_api.service.views import View, content_of, groups_of, id_of, scope_of

if TYPE_CHECKING:
    from registry_api.domain.registry import Registry

_log = logging.getLogger(__name__)

_STORED_PAGES = 4  # that are read for one page at most


T = TypeVar("T")


async def read(name: str, inquiry: Inquiry, *, ports: Ports) -> "Registry":
    """Return a registry.

    Raises:
        Refusal: If there is none of this name for the caller, or it may not read.
    """
    reading = ports.store.read(key_of(name, inquiry))
    stored = await look_up(reading, Action.READ, name, inquiry, ports.roles)
    registry = await see(stored, Action.READ, name, inquiry, ports.roles)
    if registry is None:
        raise not_found(name)
    return registry


async def read_view(name: str, inquiry: Inquiry, *, views: Views, roles: Roles) -> View:
    """Return a registry as callers see it.

    Raises:
        Refusal: If there is none of this name for the caller, or it may not read.
    """
    view = await look_up(views.read(key_of(name, inquiry)), Action.READ, name, inquiry, roles)
    is_seen = await may_see(Action.READ, name, scope_of(view) if view else None, inquiry, roles)
    if view is None or not is_seen:
        raise not_found(name)
    return view


async def list_page(limit: int, continuation: str | None, inquiry: Inquiry, *, ports: Ports) -> "Page[Registry]":
    """Return some of the registries that the caller may read, in the order of their names.

    A page costs at most a few storage calls, however many registries there are, so one of which the caller may read
    few may be short, or even empty, and still lead on.

    Raises:
        Refusal: If the caller names a scope where it may read nothing.
        ContinuationError: If the continuation is not one that an earlier page gave.
    """
    await authorize_listing(inquiry, ports.roles)

    async def shown(found: "Sequence[Registry]") -> "Sequence[Registry]":
        groups = [registry.scope.id for registry in found]
        return await readable(found, groups, lambda registry: registry.id, inquiry=inquiry, roles=ports.roles)

    return await _page(partial(ports.store.list, inquiry.caller.tenant), shown, limit, continuation)


async def list_views(
    wanted: Filter, limit: int, continuation: str | None, inquiry: Inquiry, *, views: Views, roles: Roles
) -> Page[View]:
    """Return some of the registries that the caller may read and asks for, as callers see them.

    A page costs as much as one of `list_page`.

    Raises:
        Refusal: If the caller names a scope where it may read nothing.
        ContinuationError: If the continuation is not one that an earlier page gave.
    """
    await authorize_listing(inquiry, roles)

    async def shown(found: Sequence[View]) -> Sequence[View]:
        matching = found if wanted.is_of_scopes else [view for view in found if _matches(view, wanted)]
        return await readable(matching, groups_of(matching), id_of, inquiry=inquiry, roles=roles)

    return await _page(partial(views.list, inquiry.caller.tenant), shown, limit, continuation)


def _matches(view: View, wanted: Filter) -> bool:
    try:
        told = content_of(view)
        location, state, tags = told["location"], told["status"]["provisioning_state"], dict(told["tags"])
    except (ValueError, LookupError, TypeError, RecursionError):
        _log.exception("A view cannot be read, and is left out.")
        return False
    return wanted.matches(location, state, tags)


async def _page(
    stored: Callable[[int, str | None], Awaitable[Page[T]]],
    shown: Callable[[Sequence[T]], Awaitable[Sequence[T]]],
    limit: int,
    continuation: str | None,
) -> Page[T]:
    """Return some of what storage has of a tenant's registries, as far as it is to be shown."""
    found: list[T] = []
    for _ in range(_STORED_PAGES):
        page = await stored(limit - len(found), continuation)
        found += (passed := await shown(page.items))
        continuation = page.continuation
        if continuation is None or len(found) == limit or len(passed) == len(page.items):
            break
    return Page(found, continuation)


def key_of(name: str, inquiry: Inquiry) -> RegistryKey:
    """Return the key of the registry that the caller calls by this name.

    Raises:
        Refusal: If none can be called so.
    """
    if not is_registry_name(name):
        raise not_found(name)
    return RegistryKey.of(inquiry.caller.tenant, name)


def not_found(name: str) -> Refusal:
    """Return the refusal of a request for a registry that is not there."""
    return refuse(Code.REGISTRY_NOT_FOUND, f"There is no registry named {quote(name)}.", "name")
