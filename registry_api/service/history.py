"""What became of a registry: its revisions and operations; and how to stop an operation."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from registry_api.domain import lifecycle
from registry_api.domain.changes import Change, changes
from registry_api.domain.delivery import Undelivered
from registry_api.domain.events import Event
from registry_api.domain.filters import ALL, Filter
from registry_api.domain.names import is_registry_name
from registry_api.domain.operation import Operation, is_operation_id, registry_key_in
from registry_api.domain.problems import Code, quote, refuse
from registry_api.domain.registry import Caller, RegistryKey
from registry_api.service import registries
from registry_api.service.accepting import Intent
from registry_api.service.announcing import commit
from registry_api.service.ports import Conflict, Page, Ports, Revision, Store
from registry_api.service.recording import commit_of

_ATTEMPTS = 5

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RevisionWithChanges:
    """A revision and how it differs from the one before."""

    revision: Revision
    changes: Sequence[Change]


async def read_operation(operation_id: str, *, caller: Caller, store: Store) -> Operation:
    """Return an operation, also of a registry that is gone.

    Raises:
        Refusal: If the caller's tenant has no such operation.
    """
    operation = None
    if is_operation_id(operation_id):
        operation = await store.read_operation(_key_of(operation_id, caller), operation_id)
    if operation is None:
        raise refuse(Code.OPERATION_NOT_FOUND, f"There is no operation {quote(operation_id)}.", "id")
    return operation


async def cancel(operation_id: str, intent: Intent, *, ports: Ports) -> Operation:
    """Stop an operation and return it; one that has ended already is returned as it is.

    A visit of the worker that is under way goes on to its end, and is the last one.

    Raises:
        Refusal: If the caller's tenant has no such operation.
    """
    caller = intent.caller
    for _ in range(_ATTEMPTS):
        # In this order: an operation that is not the registry's newest has ended before the registry was read.
        stored = await ports.store.read(_key_of(operation_id, caller)) if is_operation_id(operation_id) else None
        operation = await read_operation(operation_id, caller=caller, store=ports.store)
        if operation.is_terminal or stored is None or stored.registry.operation.id != operation_id:
            return operation
        now = ports.clock.now()
        canceled = lifecycle.cancel(stored.registry, caller, now)
        try:
            await commit(commit_of(stored, canceled, caller, now, intent.origin), ports)
        except Conflict:
            continue
        return canceled.operation
    raise refuse(Code.CONCURRENT_CHANGES, f"Operation '{operation_id}' changes too fast to be canceled; try again.")


async def list_operations(
    name: str, limit: int, continuation: str | None, *, caller: Caller, within: Filter = ALL, store: Store
) -> Page[Operation]:
    """Return the operations of a registry, the newest first, also when it is gone.

    Raises:
        Refusal: If the caller's tenant never had a registry of this name.
        ValueError: If the continuation is not one that an earlier page gave.
    """
    return await _list(store.list_operations, name, limit, continuation, caller=caller, within=within, store=store)


async def list_events(
    name: str, limit: int, continuation: str | None, *, caller: Caller, within: Filter = ALL, store: Store
) -> Page[Event]:
    """Return what happened to a registry, the newest first, also when it is gone.

    Raises:
        Refusal: If the caller's tenant never had a registry of this name.
        ValueError: If the continuation is not one that an earlier page gave.
    """
    return await _list(store.list_events, name, limit, continuation, caller=caller, within=within, store=store)


async def list_undelivered(
    name: str, limit: int, continuation: str | None, *, caller: Caller, within: Filter = ALL, store: Store
) -> Page[Undelivered]:
    """Return what subscribers were not told of a registry, and will not be, the newest first.

    Raises:
        Refusal: If the caller's tenant has no registry of this name, and there is nothing of one that it had.
        ValueError: If the continuation is not one that an earlier page gave.
    """
    return await _list(store.list_undelivered, name, limit, continuation, caller=caller, within=within, store=store)


async def list_revisions(
    name: str, limit: int, continuation: str | None, *, caller: Caller, within: Filter = ALL, store: Store
) -> Page[RevisionWithChanges]:
    """Return the specs that were accepted for a registry, the newest first, each with what it changed.

    Raises:
        Refusal: If the caller's tenant has no registry of this name.
        ValueError: If the continuation is not one that an earlier page gave.
    """
    registry = await registries.read(name, caller=caller, within=within, store=store)
    page = await store.list_revisions(registry.key, registry.incarnation, limit, continuation)
    before = [*page.items[1:]]
    if page.continuation is not None:
        before += (await store.list_revisions(registry.key, registry.incarnation, 1, page.continuation)).items
    specs = [revision.spec for revision in before]
    with_changes = [
        RevisionWithChanges(revision, changes(specs[index] if index < len(specs) else None, revision.spec))
        for index, revision in enumerate(page.items)
    ]
    return Page(with_changes, page.continuation)


async def _list(
    read_page: Callable[[RegistryKey, int, str | None], Awaitable[Page[T]]],
    name: str,
    limit: int,
    continuation: str | None,
    *,
    caller: Caller,
    within: Filter,
    store: Store,
) -> Page[T]:
    if not is_registry_name(name):
        raise registries.not_found(name)
    key = RegistryKey.of(caller.tenant, name)
    page = await read_page(key, limit, continuation)
    if within.takes_all and (page.items or continuation is not None):
        return page
    stored = await store.read(key)
    if not (within.matches(stored.registry) if stored else page.items):
        raise registries.not_found(name)
    return page


def _key_of(operation_id: str, caller: Caller) -> RegistryKey:
    return RegistryKey.of(caller.tenant, registry_key_in(operation_id))
