"""The one way in which a request changes a registry: read, decide, announce, commit; again if others were faster."""

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from registry_api.domain import visits
from registry_api.domain.conditions import UNCONDITIONAL, Conditions
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.names import RegistryKey
from registry_api.domain.origin import NOWHERE, Origin
from registry_api.domain.permissions import Action
from registry_api.domain.problems import Code, refuse
from registry_api.domain.registry import Registry, Visit
from registry_api.service import announcing
from registry_api.service.announcing import announce
from registry_api.service.authorizing import Inquiry, look_up, see
from registry_api.service.ports import Conflict, Ports
from registry_api.service.recording import commit_of
from registry_api.service.records import Replay
from registry_api.service.views import View

_ATTEMPTS = 16  # in each round somebody gets through


@dataclass(frozen=True, slots=True)
class Intent(Inquiry):
    """Who asks for a change, and under which conditions."""

    conditions: Conditions = UNCONDITIONAL
    origin: Origin = NOWHERE
    traceparent: str | None = None
    validate_only: bool = False


class Outcome(NamedTuple):
    """What a request led to, or would lead to if it was only to be validated; `view` is there if it is stored now."""

    registry: Registry
    created: bool = False
    changed: bool = False
    view: View | None = None


Decision = Callable[[Registry | None, Acceptance], Registry | None]
"""From the registry that is there for the caller, if one is, to what is to be stored, or None if it may stay as it is.

Pure; raises `Refusal`.
"""


async def change(
    key: RegistryKey,
    intent: Intent,
    action: Action,
    decide: Decision,
    ports: Ports,
    *,
    replay: Callable[[Outcome], Replay] | None = None,
    further: Callable[[Registry], Action | None] = lambda _: None,
) -> Outcome:
    """Change a registry as decided, if the caller may do the action, and a further one with the registry that is there.

    Raises:
        Refusal: If the caller may not, it was decided so, or others changed the registry again and again; nothing is
            written then.
        StorageUnavailable: If it may or may not have been written; the same request again is safe.
    """
    for _ in range(_ATTEMPTS):
        stored = await look_up(ports.store.read(key), action, key.name, intent, ports.roles)
        seen = await see(stored, action, key.name, intent, ports.roles)
        if seen is not None and (more := further(seen)) is not None:
            seen = await see(stored, more, key.name, intent, ports.roles)
        now = ports.clock.now()
        acceptance = Acceptance(
            caller=intent.caller,
            now=now,
            operation_id=ports.ids.operation_id(key, now),
            visit=Visit(token=ports.ids.visit_token(), due=now + visits.FIRST_VISIT_DELAY),
            traceparent=intent.traceparent,
            placement=ports.placement,
            is_name_taken=stored is not None and seen is None,
        )
        registry = decide(seen, acceptance)
        if registry is not None:
            commit = commit_of(stored, registry, intent.caller, now, intent.origin)
            outcome = Outcome(commit.registry or registry, created=stored is None, changed=True)
            if replay is not None:
                commit = dataclasses.replace(commit, replay=replay(outcome))
        elif seen is not None and stored is not None:
            outcome = Outcome(seen)
            if not visits.is_forgotten(stored.registry, now):
                return outcome
            commit = commit_of(stored, visits.remind(stored.registry, now), intent.caller, now)
        else:
            raise TypeError("Nothing is stored, and nothing is to be: that is a refusal.")
        if intent.validate_only:
            return outcome
        outcome = outcome._replace(view=commit.view)  # before anything is sent: it costs least here
        await announce(ports.queue, commit.registry or outcome.registry, now)
        with suppress(Conflict):
            await announcing.commit(commit, ports)
            return outcome
    raise refuse(
        Code.CONCURRENT_CHANGES,
        f"'{key.name}' was changed by others {_ATTEMPTS} times while this request was on its way; try again.",
    )
