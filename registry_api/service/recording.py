"""What is written with every change: the operations that it begins and ends, what happened, and a new spec."""

from datetime import datetime

from registry_api.domain import lifecycle
from registry_api.domain.caller import Caller
from registry_api.domain.events import events_of
from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import Operation
from registry_api.domain.origin import NOWHERE, Origin
from registry_api.domain.registry import Registry
from registry_api.service.records import Commit, Revision, Stored
from registry_api.service.showing import FORM


def commit_of(
    stored: Stored | None, registry: Registry | None, by: Caller, now: datetime, origin: Origin = NOWHERE
) -> Commit:
    """Return the commit that puts a registry in the place of what is stored; None removes it."""
    before = stored.registry if stored else None
    after = registry or before
    if after is None:
        raise TypeError("Nothing is stored, and nothing is to be.")
    newest = registry.operation if registry else lifecycle.gone(after.operation, now)
    is_known = before is not None and before.operation == newest
    operations = [*_superseded(before, newest), *([] if is_known else [newest])]
    is_gone = registry is None
    events = list(events_of(before, after, operations, by=by, now=now, origin=origin, is_gone=is_gone))
    if registry is not None:
        sequence = events[-1].sequence if events else registry.events
        registry = registry.model_copy(update={"events": sequence, "form": FORM})
    is_new = registry is not None and (before is None or before.spec != registry.spec)
    return Commit(
        key=RegistryKey.of(after.tenant, after.spec.name),
        registry=registry,
        replaces=stored.version if stored else None,
        operations=operations,
        events=events,
        revision=_revision(after, by, now) if is_new else None,
    )


def _superseded(before: Registry | None, newest: Operation) -> list[Operation]:
    if before is None or before.operation.id == newest.id or before.operation.is_terminal:
        return []
    return [lifecycle.superseded(before.operation, newest)]


def _revision(registry: Registry, by: Caller, now: datetime) -> Revision:
    return Revision(
        incarnation=registry.incarnation,
        generation=registry.generation,
        spec=registry.spec,
        accepted_at=now,
        accepted_by=by.name,
        operation=registry.operation.id,
    )
