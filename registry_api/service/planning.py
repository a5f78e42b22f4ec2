"""What a PUT would do, without doing it: the planner that the worker runs, on what was last seen."""

from collections.abc import Sequence
from typing import NamedTuple

from registry_api.domain import permissions
from registry_api.domain.changes import Change, changes
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.plan import Action, last_seen, plan
from registry_api.domain.problems import Problem
from registry_api.domain.registry import Visit
from registry_api.domain.validation import Draft
from registry_api.service.accepting import Intent
from registry_api.service.authorizing import look_up, see
from registry_api.service.ports import Ports
from registry_api.service.registries import key_of_document, put_decision


class Preview(NamedTuple):
    """What would change, what the worker would do, and what speaks against it."""

    changes: Sequence[Change] = ()
    actions: Sequence[Action] = ()
    problems: Sequence[Problem] = ()
    is_new: bool = False


async def preview(document: Draft, intent: Intent, *, allowed: frozenset[str] | None = None, ports: Ports) -> Preview:
    """Return what a PUT of a document would do.

    Raises:
        Refusal: With everything that speaks against it.
    """
    key = key_of_document(document, intent, allowed)
    stored = await look_up(ports.store.read(key), permissions.Action.READ, key.name, intent, ports.roles)
    registry = await see(stored, permissions.Action.READ, key.name, intent, ports.roles)
    now = ports.clock.now()
    visit = Visit(token=ports.ids.visit_token(), due=now)
    acceptance = Acceptance(
        intent.caller,
        now,
        ports.ids.operation_id(key, now),
        visit,
        placement=ports.placement,
        is_name_taken=stored is not None and registry is None,
    )
    after = put_decision(document, intent, allowed)(registry, acceptance) or registry
    if after is None:
        raise TypeError("A PUT leaves a registry.")
    return Preview(
        changes=changes(registry.spec if registry else None, after.spec),
        actions=plan(after.resources, after.wanted, last_seen(after.resources)),
        is_new=registry is None,
    )
