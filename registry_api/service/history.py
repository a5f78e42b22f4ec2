"""What became of a registry: its revisions and operations; and how to stop an operation."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

from registry_api.domain import lifecycle
from registry_api.domain.caller import Caller
from registry_api.domain.changes import Change, changes
from registry_api.domain.delivery import Undelivered
from registry_api.domain.events import Event
from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import Operation, is_operation_id, registry_key_in
from registry_api.domain.permissions import Action
from registry_api.domain.problems import Code, quote, refuse
from registry_api.service import reading
from registry_api.service.accepting import Intent
from registry_api.service.announcing import commit
from registry_api.service.authorizing import Inquiry, look_up, may_see, readable
from registry_api.service.ports import Conflict, Page, Ports
from registry_api.service.recording import commit_of
from registry_api.service.records import Revision

_ATTEMPTS = 5
_LOOK_AHEAD = 100
_MOST_LOOKS_AHEAD = 10  # for what the caller may read behind what it may not

_Record = TypeVar("_Record", Operation, Event, Undelivered)


class RevisionWithChanges(NamedTuple):
    """A revision and how it differs from the one before; None where that one is not there any more."""

    revision: Revision
    changes: Sequence[Change] | None


async def read_operation(operation_id: str, inquiry: Inquiry, *, ports: Ports) -> Operation:
    """Return an operation, also of a registry that is gone.

    Raises:
        Refusal: If there is none for the caller, or it may not read.
    """
    return await _operation(operation_id, Action.READ, inquiry, ports)


async def cancel(operation_id: str, intent: Intent, *, ports: Ports) -> Operation:
    """Stop an operation and return it; one that has ended already is returned as it is.

    A visit of the worker that is under way goes on to its end, and is the last one.

    Raises:
        Refusal: If there is none for the caller, or it may not change the registry.
    """
    caller = intent.caller
    for _ in range(_ATTEMPTS):
        # In this order: an operation that is not the registry's newest has ended before the registry was read.
        stored = None
        if is_operation_id(operation_id):
            found = ports.store.read(_key_of(operation_id, caller))
            stored = await look_up(found, Action.WRITE, registry_key_in(operation_id), intent, ports.roles)
        operation = await _operation(operation_id, Action.WRITE, intent, ports)
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
    name: str, limit: int, continuation: str | None, inquiry: Inquiry, *, ports: Ports
) -> Page[Operation]:
    """Return the operations of a registry, the newest first, also when it is gone.

    Raises:
        Refusal: If there never was a registry of this name for the caller, or it may not read.
        ContinuationError: If the continuation is not one that an earlier page gave.
    """
    return await _list(ports.store.list_operations, name, limit, continuation, inquiry=inquiry, ports=ports)


async def list_events(
    name: str, limit: int, continuation: str | None, inquiry: Inquiry, *, ports: Ports
) -> Page[Event]:
    """Return what happened to a registry, the newest first, also when it is gone.

    Raises:
        Refusal: If there never was a registry of this name for the caller, or it may not read.
        ContinuationError: If the continuation is not one that an earlier page gave.
    """
    return await _list(ports.store.list_events, name, limit, continuation, inquiry=inquiry, ports=ports)


async def list_undelivered(
    name: str, limit: int, continuation: str | None, inquiry: Inquiry, *, ports: Ports
) -> Page[Undelivered]:
    """Return what subscribers were not told of a registry, and will not be, the newest first.

    Raises:
        Refusal: If there is no registry of this name for the caller, and nothing of one that was, or it may not read.
        ContinuationError: If the continuation is not one that an earlier page gave.
    """
    return await _list(ports.store.list_undelivered, name, limit, continuation, inquiry=inquiry, ports=ports)


async def list_revisions(
    name: str, limit: int, continuation: str | None, inquiry: Inquiry, *, ports: Ports
) -> Page[RevisionWithChanges]:
    """Return the specs that were accepted for a registry, the newest first, each with what it changed.

    Raises:
        Refusal: If there is no registry of this name for the caller, or it may not read.
        ContinuationError: If the continuation is not one that an earlier page gave.
    """
    registry, store = await reading.read(name, inquiry, ports=ports), ports.store
    page = await store.list_revisions(registry.key, registry.incarnation, limit, continuation)
    before = [*page.items[1:]]
    if page.continuation is not None:
        before += (await store.list_revisions(registry.key, registry.incarnation, 1, page.continuation)).items
    specs = {revision.generation: revision.spec for revision in before}

    def changes_of(revision: Revision) -> Sequence[Change] | None:
        is_known = revision.generation == 1 or revision.generation - 1 in specs
        return changes(specs.get(revision.generation - 1), revision.spec) if is_known else None

    return Page([RevisionWithChanges(one, changes_of(one)) for one in page.items], page.continuation)


async def _operation(operation_id: str, action: Action, inquiry: Inquiry, ports: Ports) -> Operation:
    """Return an operation that is there for the caller, who may do the action to its registry.

    Raises:
        Refusal: If there is none, or the caller may not.
    """
    operation, name = None, registry_key_in(operation_id)
    if is_operation_id(operation_id):
        key = _key_of(operation_id, inquiry.caller)
        operation = await look_up(_read_operation(key, operation_id, ports), action, name, inquiry, ports.roles)
    is_seen = await may_see(action, name, operation.scope if operation else None, inquiry, ports.roles)
    if operation is None or not is_seen:
        raise refuse(Code.OPERATION_NOT_FOUND, f"There is no operation {quote(operation_id)}.", "id")
    return operation


async def _read_operation(key: RegistryKey, operation_id: str, ports: Ports) -> Operation | None:
    operation = await ports.store.read_operation(key, operation_id)
    if operation is None and (stored := await ports.store.read(key)) is not None:
        newest = stored.registry.operation  # which is kept for as long as the registry
        operation = newest if newest.id == operation_id else None
    return operation


async def _list(
    read_page: Callable[[RegistryKey, int, str | None], Awaitable[Page[_Record]]],
    name: str,
    limit: int,
    continuation: str | None,
    *,
    inquiry: Inquiry,
    ports: Ports,
) -> Page[_Record]:
    """Return records of all registries that had a name, but for those that are not there for the caller."""
    key = reading.key_of(name, inquiry)

    async def visible(records: Sequence[_Record]) -> Sequence[_Record]:
        groups = [record.scope.id for record in records]
        return await readable(
            records, groups, lambda record: record.scope.registry_id(name), inquiry=inquiry, roles=ports.roles
        )

    async def read_visible(most: int, after: str | None) -> Page[_Record]:
        """Return a page with what the caller may read; what comes before that is passed over, whatever `most` is."""
        page = await read_page(key, most, after)
        shown, looks = await visible(page.items), 0
        while not shown and page.continuation is not None and looks < _MOST_LOOKS_AHEAD:
            start, looks = page.continuation, looks + 1
            page = await read_page(key, _LOOK_AHEAD, start)
            if not (found := await visible(page.items)):
                continue
            if passed := page.items.index(found[0]):
                start = (await read_page(key, passed, start)).continuation or start
            page = await read_page(key, most, start)
            shown = await visible(page.items)
        return Page(shown, page.continuation if shown else None)

    page = await read_visible(limit, continuation)
    if not page.items and continuation is None:
        await reading.read(name, inquiry, ports=ports)  # refuses what is not there for the caller
    # That there is more is told only of what the caller may read.
    is_more = page.continuation is not None and (await read_visible(_LOOK_AHEAD, page.continuation)).items
    return Page(page.items, page.continuation if is_more else None)


def _key_of(operation_id: str, caller: Caller) -> RegistryKey:
    return RegistryKey.of(caller.tenant, registry_key_in(operation_id))
