"""What a PUT would do, without doing it: the planner that the worker runs, on what was last seen."""

from collections.abc import Sequence
from dataclasses import dataclass

from registry_api.domain import lifecycle
from registry_api.domain.admission import admit, admit_scope
from registry_api.domain.changes import Change, changes
from registry_api.domain.filters import ALL, Filter
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.plan import Action, last_seen, plan
from registry_api.domain.problems import Problem
from registry_api.domain.registry import Caller, RegistryKey, Scope, Visit
from registry_api.domain.validation import ValidDocument
from registry_api.service.ports import Ports


@dataclass(frozen=True, slots=True)
class Preview:
    """What would change, what the worker would do, and what speaks against it."""

    changes: Sequence[Change] = ()
    actions: Sequence[Action] = ()
    problems: Sequence[Problem] = ()
    is_new: bool = False


async def preview(
    document: ValidDocument,
    scope: Scope,
    *,
    caller: Caller,
    within: Filter = ALL,
    allowed: frozenset[str] | None = None,
    ports: Ports,
) -> Preview:
    """Return what a PUT of a document would do.

    Raises:
        Refusal: With everything that speaks against it.
    """
    key = RegistryKey.of(caller.tenant, document.spec.name)
    stored = await ports.store.read(key)
    registry = stored.registry if stored else None
    if registry is not None:
        admit_scope(registry, within)
    spec = admit(registry, document, registry.scope if registry else scope, allowed)
    now = ports.clock.now()
    acceptance = Acceptance(
        caller, now, ports.ids.operation_id(key, now), Visit(token=ports.ids.visit_token(), due=now)
    )
    if registry is None:
        after = lifecycle.create(document.spec, scope, acceptance)
    else:
        after = registry if spec is None else lifecycle.update(registry, spec, acceptance)
    return Preview(
        changes=changes(registry.spec if registry else None, after.spec),
        actions=plan(after.resources, after.wanted, last_seen(after.resources)),
        is_new=registry is None,
    )
