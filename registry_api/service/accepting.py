"""The one way in which a request changes a registry: read, decide, announce, commit; again if others were faster."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from registry_api.domain import lifecycle
from registry_api.domain.conditions import UNCONDITIONAL, Conditions
from registry_api.domain.filters import ALL, Filter
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.problems import Code, refuse
from registry_api.domain.registry import Caller, Registry, RegistryKey, Visit
from registry_api.service.announcing import announce
from registry_api.service.ports import Commit, Conflict, Ports, Replay, Revision, Stored

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Intent:
    """Who asks for a change, and under which conditions."""

    caller: Caller
    conditions: Conditions = UNCONDITIONAL
    within: Filter = ALL  # the scope that the caller names; a registry outside of it is none
    traceparent: str | None = None
    validate_only: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request led to, or would lead to if it was only to be validated."""

    registry: Registry
    created: bool = False
    changed: bool = False


Decision = Callable[[Registry | None, Acceptance], Registry | None]
"""From what is stored to what is to be stored, or None if that may stay as it is. Pure; raises `Refusal`."""


async def change(
    key: RegistryKey,
    intent: Intent,
    decide: Decision,
    ports: Ports,
    *,
    replay: Callable[[Registry], Replay] | None = None,
) -> Outcome:
    """Change a registry as decided.

    Raises:
        Refusal: If it was decided so, or others changed the registry again and again; nothing is written then.
        StorageUnavailable: If it may or may not have been written; the same request again is safe.
    """
    for _ in range(_ATTEMPTS):
        stored = await ports.store.read(key)
        now = ports.clock.now()
        acceptance = Acceptance(
            caller=intent.caller,
            now=now,
            operation_id=ports.ids.operation_id(key, now),
            visit=Visit(token=ports.ids.visit_token(), due=now + lifecycle.FIRST_VISIT_DELAY),
            traceparent=intent.traceparent,
        )
        registry = decide(stored.registry if stored else None, acceptance)
        follows = None
        if registry is not None:
            outcome = Outcome(registry, created=stored is None, changed=True)
            commit = _commit(stored, registry, acceptance, replay(registry) if replay else None)
        elif stored is not None:
            outcome = Outcome(stored.registry)
            if not lifecycle.is_forgotten(stored.registry, now):
                return outcome
            registry, follows = lifecycle.remind(stored.registry, acceptance), stored.registry.visit.token
            commit = Commit(key, registry, stored.version)
        else:
            raise TypeError("Nothing is stored, and nothing is to be: that is a refusal.")
        if intent.validate_only:
            return outcome
        await announce(ports.queue, registry, registry.visit, now, follows=follows)
        with suppress(Conflict):
            await ports.store.commit(commit)
            return outcome
    raise refuse(
        Code.CONCURRENT_CHANGES,
        f"'{key.name}' was changed by others {_ATTEMPTS} times while this request was on its way; try again.",
    )


def _commit(stored: Stored | None, registry: Registry, acceptance: Acceptance, replay: Replay | None) -> Commit:
    before = stored.registry if stored else None
    operations = [registry.operation]
    if before is not None and not before.operation.is_terminal:
        operations.append(lifecycle.superseded(before.operation, registry.operation))
    revision = Revision(
        incarnation=registry.incarnation,
        generation=registry.generation,
        spec=registry.spec,
        accepted_at=acceptance.now,
        accepted_by=acceptance.caller.name,
        operation=registry.operation.id,
    )
    return Commit(
        key=registry.key,
        registry=registry,
        replaces=stored.version if stored else None,
        operations=operations,
        revision=revision if before is None or before.spec != registry.spec else None,
        replay=replay,
    )
