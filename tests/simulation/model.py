"""The reference model: what a request may be told, and what it may have changed.

The journal is the one order in which everything happened. An answer is right if it is so at some moment between the
request and its answer: then all answers together fit one order, and no reader ever goes back in time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from registry_api.domain.names import RegistryKey
from registry_api.domain.operation import Operation
from registry_api.domain.problems import Code
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.registry import Registry
from registry_api.domain.scope import Scope
from registry_api.domain.spec import RegistrySpec
from registry_api.service.accepting import Outcome
from tests.simulation.journal import Entry, Journal
from tests.simulation.processes import Process

_ATTEMPTS, _ATTEMPTS_TO_CANCEL = 16, 5  # of a request, before it says that others are too fast

Version = Registry | None


@dataclass(frozen=True, slots=True)
class View:
    """What a client says that a registry is to be, in the model's own words."""

    regions: tuple[str, ...]  # the primary one first, the others in order
    description: str | None

    @classmethod
    def of(cls, spec: RegistrySpec) -> "View":
        """Return what a spec says."""
        return cls(tuple(region.location for region in spec.replication_locations), spec.description)


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for."""

    kind: str
    key: RegistryKey
    wish: Callable[[Version], View | None] = lambda _: None  # what is to be there; None: the spec is not to change
    if_match: str | None = None
    if_absent: bool = False
    scope: Scope | None = None  # that the client names; a registry elsewhere is none then
    idempotency_key: str | None = None
    operation_id: str | None = None

    def sees(self, record: Registry | Operation | None) -> bool:
        """Tell whether something is there for the client."""
        return record is not None and self.scope in {None, record.scope}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client got: a value, a code, or neither when there was no answer."""

    value: Any = None
    code: Code | None = None
    is_missing: bool = False


class Model:
    """Judges every answer.

    Args:
        journal: What was really stored.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._created: dict[tuple[str, str], Registry] = {}

    def now(self, key: RegistryKey) -> int:
        """Return a mark in the order of everything that happens to a registry."""
        return len(self._journal.entries(key))

    def judge(self, request: Request, began: int, process: Process, answer: Answer) -> list[str]:
        """Return what is wrong with an answer, and with what its request did."""
        ended = self.now(request.key)
        stored = self._journal.versions(request.key, began, ended)
        versions = [version if request.sees(version) else None for version in stored]
        operations = self._operations(request, began, ended)
        entries = self._journal.entries(request.key)[began:ended]
        mine = [entry for entry in entries if entry.by is process]
        told = [*_of_commits(request, mine)]
        if answer.code is not None:
            told += _of_refusal(request, answer.code, versions, entries, mine)
            told += _of_absence(request, answer.code, stored, operations)
        elif answer.is_missing:
            told += [] if process.has_suffered else ["it is not answered, although nothing has failed"]
        else:
            told += _of_value(request, answer.value, versions, mine, operations)
        if request.idempotency_key is not None:
            told += self._of_idempotency(request, answer, mine)
        return [f"{process.name}, {request.kind} '{request.key.name}': {problem}" for problem in told]

    def judge_list(self, request: Request, began: dict[RegistryKey, int], found: Sequence[Registry]) -> list[str]:
        """Return what is wrong with all pages of a list of what is in the scope that a request names."""
        tenant = request.key.tenant
        names = [registry.key.name for registry in found]
        told = [] if names == sorted(set(names)) else [f"a list is not in order: {names}"]
        for key in self._journal.keys:
            if key.tenant != tenant:
                continue
            stored = self._journal.versions(key, began.get(key, 0), self.now(key))
            versions = [version if request.sees(version) else None for version in stored]
            shown = next((registry for registry in found if registry.key == key), None)
            if shown not in versions:
                told.append(f"a list shows '{key.name}' as it never was meanwhile")
        return told

    def _operations(self, request: Request, began: int, ended: int) -> Sequence[Operation]:
        """Return what was stored of the operation that a request is about, between two marks."""
        stored = [
            (number, operation)
            for number, entry in enumerate(self._journal.entries(request.key)[:ended], 1)
            for operation in entry.commit.operations
            if operation.id == request.operation_id
        ]
        before = [operation for number, operation in stored if number <= began]
        return [*before[-1:], *(operation for number, operation in stored if number > began)]

    def _of_idempotency(self, request: Request, answer: Answer, mine: list[Entry]) -> Iterator[str]:
        made = [entry.after for entry in mine if entry.after is not None]
        told = [answer.value.registry] if isinstance(answer.value, Outcome) else []
        if not made and not told:
            return
        first = self._created.setdefault((request.key.tenant, request.idempotency_key or ""), (*made, *told)[0])
        if any(registry.incarnation != first.incarnation for registry in (*made, *told)):
            yield f"idempotency key '{request.idempotency_key}' has made another registry"
        elif any(registry != first for registry in told):
            yield f"what idempotency key '{request.idempotency_key}' has made is told otherwise than the first time"


def _of_value(
    request: Request, value: object, versions: list[Version], mine: list[Entry], operations: Sequence[Operation]
) -> Iterator[str]:
    match value:
        case Outcome():
            yield from _of_outcome(request, value, versions, mine)
        case Registry() as registry:
            if registry not in [*versions, *(entry.after for entry in mine)]:
                yield "it is shown a registry that never was so meanwhile"
            if request.kind == "delete" and not registry.deleting:
                yield "it is told of a deletion that is none"
        case Operation() as operation if not operation.is_terminal:
            yield f"it is told that operation '{operation.id}' is canceled, but it goes on"
        case Operation() as operation if operation not in operations:
            yield f"it is told that operation '{operation.id}' is {operation.status}, which it never was meanwhile"
        case None if None not in versions:
            yield "it is told that there is no registry, but there always was one"


def _of_outcome(request: Request, outcome: Outcome, versions: list[Version], mine: list[Entry]) -> Iterator[str]:
    registry = outcome.registry
    is_new = mine[0].before is None if mine else request.idempotency_key is not None
    if outcome.created != (outcome.changed and is_new):
        yield f"it is told that it has created a registry: {outcome.created}, but that is {not outcome.created}"
    if outcome.changed:
        if not mine and request.idempotency_key is None:
            yield "it is told of a change that was never stored"
        if mine and registry != mine[0].after:
            yield "it is told of another change than the one that was stored"
    elif registry not in versions:
        yield "it is told of something that was never so meanwhile"
    elif View.of(registry.spec) != request.wish(registry):
        yield "it is told that nothing has to change, but it has"


def _of_commits(request: Request, mine: list[Entry]) -> Iterator[str]:
    if len(mine) > 1:
        yield f"it has changed the registry {len(mine)} times"
    for entry in mine:
        before, after = entry.before, entry.after
        if after is None:
            yield "a request has removed a registry's row"
            continue
        is_untouched = before is not None and (before.serial, before.spec) == (after.serial, after.spec)
        if is_untouched and request.kind != "cancel":  # a reminder
            continue
        if (before is not None and not request.sees(before)) or not request.sees(after):
            yield f"it has changed a registry in {(before or after).scope}, and names {request.scope}"
        if request.if_match is not None and (before is None or before.etag != request.if_match):
            yield "it has changed a registry whose etag is not the one in If-Match"
        if request.if_absent and before is not None:
            yield "it has changed a registry that If-None-Match excludes"
        wish = request.wish(before)
        if wish is not None and View.of(after.spec) != wish:
            yield f"it has stored {View.of(after.spec)}, not {wish}"
        if wish is None and before is not None and before.spec != after.spec:
            yield "it has changed a spec that it does not speak of"
        yield from _of_kind(request, before, after)


def _of_kind(request: Request, before: Version, after: Registry) -> Iterator[str]:
    match request.kind:
        case "create" if before is not None:
            yield "it has created a registry that was there"
        case "patch" | "delete" | "reconcile" | "cancel" if before is None:
            yield "it has made a registry"
        case "delete" if not after.deleting:
            yield "it has not deleted"
        case "reconcile" if before is not None and not before.state.is_terminal:
            yield "it has begun anew what was under way"
        case "cancel" if after.operation.id != request.operation_id:
            yield "it has canceled another operation"
        case "read":
            yield "a reader has changed something"


def _of_absence(request: Request, code: Code, stored: list[Version], operations: Sequence[Operation]) -> Iterator[str]:
    """Tell whether what a refusal says is not there was not, or was in another scope."""
    match code:
        case Code.REGISTRY_NOT_FOUND:
            is_true = any(not request.sees(version) for version in stored)
        case Code.OPERATION_NOT_FOUND:
            is_true = not operations or any(not request.sees(operation) for operation in operations)
        case Code.REGISTRY_NAME_TAKEN:
            is_true = any(version is not None and not request.sees(version) for version in stored)
        case _:
            return
    if not is_true:
        yield f"it was refused for {code}, which was never so meanwhile"


def _of_refusal(
    request: Request, code: Code, versions: list[Version], entries: Sequence[Entry], mine: list[Entry]
) -> Iterator[str]:
    if mine:
        yield f"it was refused for {code} and has changed something"
    there = [version for version in versions if version is not None]
    match code:
        case Code.REGISTRY_NOT_FOUND:
            is_true = request.kind in {"patch", "reconcile", "read"}  # if it is not there: see _of_absence
        case Code.OPERATION_NOT_FOUND:
            is_true = request.kind == "cancel"  # the same
        case Code.REGISTRY_NAME_TAKEN:
            is_true = request.kind in {"put", "create"}  # if it is elsewhere: see _of_absence
        case Code.REGISTRY_ALREADY_EXISTS:
            is_true = request.kind == "create" and bool(there)
        case Code.REGISTRY_BEING_DELETED:
            is_changing = request.kind in {"put", "create", "patch"}
            is_true = is_changing and any(version.state is ProvisioningState.DELETING for version in there)
        case Code.PRECONDITION_FAILED:
            is_true = (request.if_absent and bool(there)) or (
                request.if_match is not None
                and any(version is None or version.etag != request.if_match for version in versions)
            )
        case Code.CONCURRENT_CHANGES:
            is_true = len(entries) >= (_ATTEMPTS_TO_CANCEL if request.kind == "cancel" else _ATTEMPTS)
        case _:
            is_true = False
    if not is_true:
        yield f"it was refused for {code}, which was never so meanwhile"
