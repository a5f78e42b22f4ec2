"""Create, change, read, list and delete registries."""

from dataclasses import dataclass
from datetime import datetime

from registry_api.domain import lifecycle
from registry_api.domain.admission import admit, admit_delete
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.names import is_registry_name
from registry_api.domain.problems import Code, refuse
from registry_api.domain.registry import Caller, Registry, RegistryKey, Scope, Visit
from registry_api.domain.validation import ValidDocument
from registry_api.service.announcing import announce
from registry_api.service.ports import (
    Clock,
    Commit,
    Conflict,
    Ids,
    Page,
    Revision,
    Store,
    Stored,
    WorkQueue,
)

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Written:
    """What a write led to."""

    registry: Registry
    created: bool = False
    changed: bool = False


async def put(
    document: ValidDocument,
    *,
    caller: Caller,
    scope: Scope,
    traceparent: str | None,
    must_be_new: bool = False,
    store: Store,
    queue: WorkQueue,
    clock: Clock,
    ids: Ids,
) -> Written:
    """Create a registry, or change it to be as the document says.

    Raises:
        Refusal: If what is stored speaks against it; nothing is written then.
        StorageUnavailable: If it may or may not have been written; the same request again is safe.
    """
    key = RegistryKey.of(caller.tenant, document.spec.name)
    for _ in range(_ATTEMPTS):
        stored = await store.read(key)
        if stored is not None and must_be_new:
            raise refuse(
                Code.REGISTRY_ALREADY_EXISTS,
                f"A registry named '{stored.registry.spec.name}' exists; PUT changes it.",
                "name",
            )
        spec = admit(stored.registry if stored else None, document, scope)
        if spec is None and stored is not None:
            return Written(stored.registry)
        acceptance = _acceptance(key, caller, traceparent, clock.now(), ids)
        if stored is None:
            registry = lifecycle.create(document.spec, scope, acceptance)
        else:
            registry = lifecycle.update(stored.registry, spec or document.spec, acceptance)
        if await _accept(stored, registry, acceptance, store=store, queue=queue):
            return Written(registry, created=stored is None, changed=True)
    raise _contended(key)


async def delete(
    name: str,
    *,
    caller: Caller,
    traceparent: str | None,
    store: Store,
    queue: WorkQueue,
    clock: Clock,
    ids: Ids,
) -> Registry | None:
    """Start to delete a registry and return it; None when there is none. Again while deleting does nothing.

    Raises:
        Refusal: If it is protected.
        StorageUnavailable: If it may or may not have been started; the same request again is safe.
    """
    if not is_registry_name(name):
        return None
    key = RegistryKey.of(caller.tenant, name)
    for _ in range(_ATTEMPTS):
        stored = await store.read(key)
        if stored is None:
            return None
        if stored.registry.deleting and not stored.registry.state.is_terminal:
            return stored.registry
        admit_delete(stored.registry)
        acceptance = _acceptance(key, caller, traceparent, clock.now(), ids)
        registry = lifecycle.delete(stored.registry, acceptance)
        if await _accept(stored, registry, acceptance, store=store, queue=queue):
            return registry
    raise _contended(key)


async def read(name: str, *, caller: Caller, store: Store) -> Registry:
    """Return a registry.

    Raises:
        Refusal: If the caller's tenant has none of this name.
    """
    stored = await store.read(RegistryKey.of(caller.tenant, name)) if is_registry_name(name) else None
    if stored is None:
        raise refuse(Code.REGISTRY_NOT_FOUND, f"There is no registry named '{name}'.", "name")
    return stored.registry


async def list_page(limit: int, continuation: str | None, *, caller: Caller, store: Store) -> Page:
    """Return some of the caller's registries in the order of their names.

    Raises:
        Refusal: If the continuation is not one that an earlier page gave.
    """
    try:
        return await store.list(caller.tenant, limit, continuation)
    except ValueError:
        if continuation is None:
            raise
        raise refuse(
            Code.INVALID_PARAMETER,
            "'continuation' must be taken from the next_link of an earlier page.",
            "continuation",
        ) from None


def _acceptance(key: RegistryKey, caller: Caller, traceparent: str | None, now: datetime, ids: Ids) -> Acceptance:
    return Acceptance(
        caller=caller,
        now=now,
        operation_id=ids.operation_id(key, now),
        visit=Visit(token=ids.visit_token(), due=now + lifecycle.FIRST_VISIT_DELAY),
        traceparent=traceparent,
    )


async def _accept(
    stored: Stored | None, registry: Registry, acceptance: Acceptance, *, store: Store, queue: WorkQueue
) -> bool:
    """Announce and commit a change; tell whether it was still true that it could be made."""
    await announce(queue, registry, registry.visit, acceptance.now)
    operations = [registry.operation]
    if stored is not None and not stored.registry.operation.is_terminal:
        operations.append(lifecycle.superseded(stored.registry.operation, registry.operation))
    is_new_spec = stored is None or stored.registry.spec != registry.spec
    revision = Revision(
        incarnation=registry.incarnation,
        generation=registry.generation,
        spec=registry.spec,
        accepted_at=acceptance.now,
        accepted_by=acceptance.caller.name,
        operation=registry.operation.id,
    )
    try:
        await store.commit(
            Commit(
                key=registry.key,
                registry=registry,
                replaces=stored.version if stored else None,
                operations=operations,
                revision=revision if is_new_spec else None,
            )
        )
    except Conflict:
        return False
    return True


def _contended(key: RegistryKey) -> Exception:
    return refuse(
        Code.CONCURRENT_CHANGES,
        f"'{key.name}' was changed by others {_ATTEMPTS} times while this request was on its way; try again.",
    )
