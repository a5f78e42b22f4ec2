"""Read and list registries."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Protocol, TypeVar

from registry_api.domain.filters import Filter
from registry_api.domain.names import RegistryKey, is_registry_name
from registry_api.domain.permissions import Action
from registry_api.domain.problems import Code, Refusal, quote, refuse
from registry_api.service.authorizing import Inquiry, authorize_listing, may_see, readable, see
from registry_api.service.ports import Page, Ports, Roles, Views
from registry_api.service.views import View

if TYPE_CHECKING:
    from registry_api.domain.registry import Registry

_log = logging.getLogger(__name__)

_STORED_PAGES = 4  # that are read for one page at most


class _Identified(Protocol):
    @property
    def id(self) -> str:
        """Return the Azure resource id."""


T = TypeVar("T", bound=_Identified)


async def read(name: str, inquiry: Inquiry, *, ports: Ports) -> "Registry":
    """Return a registry.

    Raises:
        Refusal: If there is none of this name for the caller, or it may not read.
    """
    if not is_registry_name(name):
        raise not_found(name)
    stored = await ports.store.read(RegistryKey.of(inquiry.caller.tenant, name))
    registry = await see(stored, Action.READ, name, inquiry, ports.roles)
    if registry is None:
        raise not_found(name)
    return registry


async def read_view(name: str, inquiry: Inquiry, *, views: Views, roles: Roles) -> View:
    """Return a registry as callers see it.

    Raises:
        Refusal: If there is none of this name for the caller, or it may not read.
    """
    if not is_registry_name(name):
        raise not_found(name)
    view = await views.read(RegistryKey.of(inquiry.caller.tenant, name))
    is_seen = await may_see(Action.READ, name, view and view.place[0], inquiry, roles)
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
    stored = partial(ports.store.list, inquiry.caller.tenant)
    return await _page(stored, limit, continuation, inquiry=inquiry, roles=ports.roles)


async def list_views(
    wanted: Filter, limit: int, continuation: str | None, inquiry: Inquiry, *, views: Views, roles: Roles
) -> Page[View]:
    """Return some of the registries that the caller may read and asks for, as callers see them.

    A page costs as much as one of `list_page`.

    Raises:
        Refusal: If the caller names a scope where it may read nothing.
        ContinuationError: If the continuation is not one that an earlier page gave.
    """

    def matches(view: View) -> bool:
        try:
            told = view.content
            location, state, tags = told["location"], told["status"]["provisioning_state"], dict(told["tags"])
        except (ValueError, LookupError, TypeError, RecursionError):
            _log.exception("A view cannot be read, and is left out.")
            return False
        return wanted.matches(location, state, tags)

    stored, tested = partial(views.list, inquiry.caller.tenant), None if wanted.is_of_scopes else matches
    return await _page(stored, limit, continuation, inquiry=inquiry, roles=roles, matches=tested)


async def _page(
    stored: Callable[[int, str | None], Awaitable[Page[T]]],
    limit: int,
    continuation: str | None,
    *,
    inquiry: Inquiry,
    roles: Roles,
    matches: Callable[[T], bool] | None = None,
) -> Page[T]:
    """Return some of what storage has of a tenant's registries; without a filter, all of it is wanted."""
    await authorize_listing(inquiry, roles)
    found: list[T] = []
    for _ in range(_STORED_PAGES):
        page = await stored(limit - len(found), continuation)
        matching = filter(matches, page.items) if matches else page.items
        shown = await readable(matching, attrgetter("id"), inquiry, roles)
        found += shown
        continuation = page.continuation
        if continuation is None or len(found) == limit or len(shown) == len(page.items):
            break
    return Page(found, continuation)


def not_found(name: str) -> Refusal:
    """Return the refusal of a request for a registry that is not there."""
    return refuse(Code.REGISTRY_NOT_FOUND, f"There is no registry named {quote(name)}.", "name")
