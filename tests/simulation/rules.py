"""What every single commit must keep, told from what was stored before it and after it."""

from collections.abc import Iterator

from registry_api.domain.operation import Operation, OperationStatus
from registry_api.domain.problems import Code
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.registry import Registry
from tests.simulation.journal import Entry

_ORDER = (OperationStatus.NOT_STARTED, OperationStatus.RUNNING)


def broken_rules(entry: Entry) -> Iterator[str]:
    """Yield every rule that a commit breaks."""
    before, after = entry.before, entry.after
    if after is not None:
        yield from _always(after)
    if before is None and after is not None:
        yield from _creation(entry, after)
    elif before is not None and after is None:
        yield from _removal(entry, before)
    elif before is not None and after is not None:
        yield from _change(entry, before, after)


def _always(registry: Registry) -> Iterator[str]:
    operation = registry.operation
    if registry.state.is_terminal != operation.is_terminal:
        yield f"the registry is {registry.state}, its operation {operation.status}"
    if registry.state.is_terminal and registry.state.value != operation.status.value:
        yield f"the registry ends {registry.state}, its operation {operation.status}"
    if operation.status in {OperationStatus.FAILED, OperationStatus.CANCELED} and operation.error is None:
        yield f"an operation ends {operation.status} without a cause"
    if registry.observed_generation > registry.generation:
        yield f"generation {registry.observed_generation} is reached before {registry.generation} is accepted"
    if registry.state is ProvisioningState.SUCCEEDED and registry.observed_generation != registry.generation:
        yield f"it succeeds at generation {registry.observed_generation} of {registry.generation}"
    if operation.generation != registry.generation:
        yield f"its operation is to reach generation {operation.generation} of {registry.generation}"
    if registry.state is ProvisioningState.DELETING and not registry.deleting:
        yield "it says that it is being deleted, but is not"


def _creation(entry: Entry, after: Registry) -> Iterator[str]:
    revision = entry.commit.revision
    if after.generation != 1 or after.observed_generation != 0:
        yield f"it begins at generation {after.observed_generation} of {after.generation}"
    if revision is None or (revision.generation, revision.spec) != (1, after.spec):
        yield "it begins without its first revision"


def _removal(entry: Entry, before: Registry) -> Iterator[str]:
    if not before.deleting:
        yield "it vanishes without having been deleted"
    ends = [operation.status for operation in entry.commit.operations if operation.id == before.operation.id]
    if ends != [OperationStatus.SUCCEEDED]:
        yield f"it vanishes while its operation says {ends}"


def _change(entry: Entry, before: Registry, after: Registry) -> Iterator[str]:
    if _identity(before) != _identity(after):
        yield "it becomes another registry"
    if after.observed_generation < before.observed_generation:
        yield f"generation {before.observed_generation} was reached, then only {after.observed_generation}"
    if after.serial - before.serial != (before.operation.id != after.operation.id):
        yield f"serial {before.serial} becomes {after.serial}"
    yield from _acceptance(entry, before, after)
    if before.operation.id == after.operation.id:
        yield from _progress(before.operation, after.operation)
        if before.operation != after.operation and after.operation not in entry.commit.operations:
            yield "the operation changes, but not its own row"
    else:
        yield from _succession(entry, before.operation, after.operation)


def _identity(registry: Registry) -> tuple[object, ...]:
    return registry.incarnation, registry.tenant, registry.scope, registry.spec.name


def _acceptance(entry: Entry, before: Registry, after: Registry) -> Iterator[str]:
    is_new_spec = before.spec != after.spec
    revision = entry.commit.revision
    if after.generation != before.generation + is_new_spec:
        yield f"generation {before.generation} becomes {after.generation}, the spec changes: {is_new_spec}"
    if (before.etag != after.etag) != is_new_spec:
        yield f"the etag changes: {before.etag != after.etag}, the spec changes: {is_new_spec}"
    if (revision is not None) != is_new_spec:
        yield f"a revision is written: {revision is not None}, the spec changes: {is_new_spec}"
    if revision is not None and (revision.generation, revision.spec) != (after.generation, after.spec):
        yield "a revision is not what was accepted"
    if is_new_spec and not before.state.is_terminal:
        yield from _of_joining(before, after)
    elif is_new_spec and after.serial == before.serial:
        yield "the spec changes without a new operation"


def _of_joining(before: Registry, after: Registry) -> Iterator[str]:
    """Tell whether a change goes to the operation under way if, and only if, that makes it true as it is."""
    is_joined, accepted_at = before.operation.id == after.operation.id, after.system_data.last_modified_at
    access = before.spec.public_network_access, after.spec.public_network_access
    is_alike = before.wanted == after.wanted and access[0] == access[1]
    serves = is_alike and not before.operation.is_overdue(accepted_at)
    if is_joined != serves:
        yield f"it joins what is under way: {is_joined}, which makes it true: {serves}"
    accepted = {"spec", "generation", "system_data", "operation", "events"}
    if is_joined and before.model_dump(exclude=accepted) != after.model_dump(exclude=accepted):
        yield "a change that joins what is under way changes more than the spec"
    if is_joined and before.operation != after.operation.model_copy(update={"generation": before.generation}):
        yield "a change that joins an operation changes more of it than its generation"


def _progress(before: Operation, after: Operation) -> Iterator[str]:
    if before.is_terminal:
        if (before.status, before.end_time, before.error) != (after.status, after.end_time, after.error):
            yield f"operation '{before.id}' ended {before.status}, then {after.status}"
    elif not after.is_terminal and _ORDER.index(after.status) < _ORDER.index(before.status):
        yield f"operation '{before.id}' goes back from {before.status} to {after.status}"


def _succession(entry: Entry, before: Operation, after: Operation) -> Iterator[str]:
    written = {operation.id: operation for operation in entry.commit.operations}
    if written.get(after.id) != after:
        yield "a new operation has no row of its own"
    if before.is_terminal:
        return
    end = written.get(before.id)
    if end is None or end.error is None or end.error.code != Code.SUPERSEDED_BY_NEWER_REQUEST:
        yield f"operation '{before.id}' is replaced without being told so"
