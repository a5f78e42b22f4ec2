"""Create, change and delete registries."""

from datetime import timedelta
from functools import partial
from typing import Any

from registry_api.domain import lifecycle
from registry_api.domain.admission import admit_absence, admit_change, admit_creation, admit_delete
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.merge_patch import merge_patch
from registry_api.domain.names import RegistryKey
from registry_api.domain.permissions import Action
from registry_api.domain.problems import Code, Problem, Refusal, refuse
from registry_api.domain.registry import Registry
from registry_api.domain.validation import Draft, examine
from registry_api.service.accepting import Decision, Intent, Outcome, change
from registry_api.service.authorizing import authorize
from registry_api.service.once import Key, Once, digest_of
from registry_api.service.ports import Ports
from registry_api.service.reading import key_of, not_found

KEEP_IDEMPOTENCY_KEYS = timedelta(hours=24)
_REUSED = Problem(
    Code.IDEMPOTENCY_KEY_REUSED,
    "This Idempotency-Key was used for another request; take a new key for every new request.",
    ("Idempotency-Key",),
)


async def create(
    document: Draft,
    intent: Intent,
    *,
    idempotency_key: str | None = None,
    allowed: frozenset[str] | None = None,
    ports: Ports,
) -> Outcome:
    """Create a registry that does not exist yet; with an idempotency key, only once.

    Raises:
        Refusal: If it exists, what is stored speaks against it, or the idempotency key was used for something else.
        StorageUnavailable: If it may or may not have been written; the same request with the same key is safe.
    """
    key = key_of_document(document, intent, allowed)

    def decide(registry: Registry | None, acceptance: Acceptance) -> Registry | None:
        intent.conditions.check(registry.etag if registry else None)
        admit_absence(registry)
        spec = admit_creation(document, intent.scope, allowed, is_name_taken=acceptance.is_name_taken)
        return lifecycle.create(spec, intent.scope, acceptance)

    if idempotency_key is None or document.problems:
        return await change(key, intent, Action.WRITE, decide, ports)
    await authorize(Action.WRITE, key.name, intent, ports.roles)
    now = ports.clock.now()
    use = await Key(
        tenant=key.tenant,
        digest=digest_of(intent.caller.principal, idempotency_key),
        fingerprint=digest_of(document.spec.model_dump_json(), str(intent.scope)),
        reused=_REUSED,
    ).claim(now + KEEP_IDEMPOTENCY_KEYS, now, ports.store, is_rehearsal=intent.validate_only)
    act = partial(change, key, intent, Action.WRITE, decide, ports)
    return await use.for_registry(key).run(act, ports.store)


async def put(
    document: Draft,
    intent: Intent,
    *,
    once: Once | None = None,
    allowed: frozenset[str] | None = None,
    ports: Ports,
) -> Outcome:
    """Create a registry, or change it to be as the document says; perhaps once, however often it is asked for.

    Raises:
        Refusal: If what is stored speaks against it; nothing is written then.
        StorageUnavailable: If it may or may not have been written; the same request again is safe.
    """
    key = key_of_document(document, intent, allowed)
    act = partial(change, key, intent, Action.WRITE, put_decision(document, intent, allowed), ports)
    return await (act() if once is None else once.run(act, ports.store))


def key_of_document(document: Draft, intent: Intent, allowed: frozenset[str] | None = None) -> RegistryKey:
    """Return the key of the registry that a document names.

    Raises:
        Refusal: With every problem of the document, if what it names can be none.
    """
    return RegistryKey.of(intent.caller.tenant, document.name or admit_creation(document, intent.scope, allowed).name)


def put_decision(document: Draft, intent: Intent, allowed: frozenset[str] | None = None) -> Decision:
    """Return what a PUT decides; its plan decides the same."""

    def decide(registry: Registry | None, acceptance: Acceptance) -> Registry | None:
        intent.conditions.check(registry.etag if registry else None)
        if registry is None:
            new = admit_creation(document, intent.scope, allowed, is_name_taken=acceptance.is_name_taken)
            return lifecycle.create(new, intent.scope, acceptance)
        spec = admit_change(registry, document, allowed)
        return None if spec is None else lifecycle.update(registry, spec, acceptance)

    return decide


async def patch(
    name: str,
    merge: object,
    intent: Intent,
    *,
    allowed: frozenset[str] | None = None,
    ports: Ports,
) -> Outcome:
    """Change a registry by a JSON merge patch of its document; the result must keep all rules.

    Raises:
        Refusal: If there is none, or the result breaks a rule; nothing is written then.
        StorageUnavailable: If it may or may not have been written; the same request again is safe.
    """
    if not isinstance(merge, dict):
        raise refuse(Code.INVALID_DOCUMENT, "A merge patch must be a mapping of field names to values.")

    def decide(registry: Registry | None, acceptance: Acceptance) -> Registry | None:
        if registry is None:
            raise not_found(name)
        intent.conditions.check(registry.etag)
        merged: Any = merge_patch(registry.spec.model_dump(mode="json", exclude_none=True), merge)
        spec = admit_change(registry, examine(merged, name), allowed)
        return None if spec is None else lifecycle.update(registry, spec, acceptance)

    return await change(key_of(name, intent), intent, Action.WRITE, decide, ports)


async def delete(
    name: str,
    intent: Intent,
    *,
    ports: Ports,
) -> Registry | None:
    """Start to delete a registry and return it; None when there is none. Again while deleting does nothing.

    Raises:
        Refusal: If it is protected, or not the one that the caller expects.
        StorageUnavailable: If it may or may not have been started; the same request again is safe.
    """

    def decide(registry: Registry | None, acceptance: Acceptance) -> Registry | None:
        if registry is None:
            raise not_found(name)
        intent.conditions.check(registry.etag)
        return lifecycle.delete(registry, acceptance) if admit_delete(registry) else None

    try:
        return (await change(key_of(name, intent), intent, Action.DELETE, decide, ports)).registry
    except Refusal as refusal:
        if refusal.problems[0].code is Code.REGISTRY_NOT_FOUND:
            return None
        raise


async def retry(
    name: str,
    intent: Intent,
    *,
    ports: Ports,
) -> Registry:
    """Look at a registry again now and do what is left to do; what is under way already goes on.

    What is left of a deletion takes who may delete as well.

    Raises:
        Refusal: If there is none, or not the one that the caller expects.
        StorageUnavailable: If it may or may not have been started; the same request again is safe.
    """

    def decide(registry: Registry | None, acceptance: Acceptance) -> Registry | None:
        if registry is None:
            raise not_found(name)
        intent.conditions.check(registry.etag)
        return lifecycle.retry(registry, acceptance) if registry.state.is_terminal else None

    def further(registry: Registry) -> Action | None:
        return Action.DELETE if registry.deleting else None

    return (await change(key_of(name, intent), intent, Action.WRITE, decide, ports, further=further)).registry
