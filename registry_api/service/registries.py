"""Create, change, read, list and delete registries."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from registry_api.domain import lifecycle
from registry_api.domain.admission import admit_absence, admit_change, admit_creation, admit_delete, admit_scope
from registry_api.domain.filters import ALL, Filter
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.merge_patch import merge_patch
from registry_api.domain.names import is_registry_name
from registry_api.domain.problems import Code, Refusal, quote, refuse
from registry_api.domain.registry import Caller, Registry, RegistryKey, Scope
from registry_api.domain.validation import Draft, examine
from registry_api.service.accepting import Decision, Intent, Outcome, change
from registry_api.service.ports import Claim, Page, Ports, Replay, Store

KEEP_IDEMPOTENCY_KEYS = timedelta(hours=24)
_PAGES_PER_REQUEST = 4


async def create(
    document: Draft,
    scope: Scope,
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
    key = key_of_document(document, scope, intent, allowed)

    def decide(registry: Registry | None, acceptance: Acceptance) -> Registry | None:
        intent.conditions.check(registry.etag if registry else None)
        admit_absence(registry, intent.within)
        return lifecycle.create(admit_creation(document, scope, allowed), scope, acceptance)

    if idempotency_key is None or document.problems:
        return await change(key, intent, decide, ports)
    once = _Once(
        key=key,
        digest=hashlib.sha256(f"{intent.caller.principal}\n{idempotency_key}".encode()).hexdigest(),
        fingerprint=hashlib.sha256(f"{document.spec.model_dump_json()}\n{scope}".encode()).hexdigest(),
        now=ports.clock.now(),
        is_rehearsal=intent.validate_only,
    )
    return await once.run(partial(change, key, intent, decide, ports), ports.store)


async def put(
    document: Draft,
    scope: Scope,
    intent: Intent,
    *,
    allowed: frozenset[str] | None = None,
    ports: Ports,
) -> Outcome:
    """Create a registry, or change it to be as the document says.

    Raises:
        Refusal: If what is stored speaks against it; nothing is written then.
        StorageUnavailable: If it may or may not have been written; the same request again is safe.
    """
    key = key_of_document(document, scope, intent, allowed)
    return await change(key, intent, put_decision(document, scope, intent, allowed), ports)


def key_of_document(
    document: Draft, scope: Scope, intent: Intent, allowed: frozenset[str] | None = None
) -> RegistryKey:
    """Return the key of the registry that a document names.

    Raises:
        Refusal: With every problem of the document, if what it names can be none.
    """
    return RegistryKey.of(intent.caller.tenant, document.name or admit_creation(document, scope, allowed).name)


def put_decision(document: Draft, scope: Scope, intent: Intent, allowed: frozenset[str] | None = None) -> Decision:
    """Return what a PUT decides; its plan decides the same."""

    def decide(registry: Registry | None, acceptance: Acceptance) -> Registry | None:
        intent.conditions.check(registry.etag if registry else None)
        if registry is None:
            return lifecycle.create(admit_creation(document, scope, allowed), scope, acceptance)
        admit_scope(registry, intent.within)
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
        if registry is None or not intent.within.matches(registry):
            raise not_found(name)
        intent.conditions.check(registry.etag)
        merged: Any = merge_patch(registry.spec.model_dump(mode="json", exclude_none=True), merge)
        spec = admit_change(registry, examine(merged, name), allowed)
        return None if spec is None else lifecycle.update(registry, spec, acceptance)

    return await _change_named(name, intent, decide, ports)


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
        if registry is None or not intent.within.matches(registry):
            raise not_found(name)
        intent.conditions.check(registry.etag)
        return lifecycle.delete(registry, acceptance) if admit_delete(registry) else None

    try:
        return (await _change_named(name, intent, decide, ports)).registry
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

    Raises:
        Refusal: If there is none, or not the one that the caller expects.
        StorageUnavailable: If it may or may not have been started; the same request again is safe.
    """

    def decide(registry: Registry | None, acceptance: Acceptance) -> Registry | None:
        if registry is None or not intent.within.matches(registry):
            raise not_found(name)
        intent.conditions.check(registry.etag)
        return lifecycle.retry(registry, acceptance) if registry.state.is_terminal else None

    return (await _change_named(name, intent, decide, ports)).registry


async def read(name: str, *, caller: Caller, within: Filter = ALL, store: Store) -> Registry:
    """Return a registry.

    Raises:
        Refusal: If the caller's tenant has none of this name.
    """
    stored = await store.read(RegistryKey.of(caller.tenant, name)) if is_registry_name(name) else None
    if stored is None or not within.matches(stored.registry):
        raise not_found(name)
    return stored.registry


async def list_page(
    wanted: Filter, limit: int, continuation: str | None, *, caller: Caller, store: Store
) -> Page[Registry]:
    """Return some of the caller's registries in the order of their names.

    A page costs at most a few storage calls, however many registries there are, so one whose filter matches few may
    be short, or even empty, and still lead on.

    Raises:
        ValueError: If the continuation is not one that an earlier page gave.
    """
    found: list[Registry] = []
    for _ in range(1 if wanted.takes_all else _PAGES_PER_REQUEST):
        page = await store.list(caller.tenant, limit - len(found), continuation)
        found += filter(wanted.matches, page.items)
        continuation = page.continuation
        if continuation is None or len(found) == limit:
            break
    return Page(found, continuation)


async def _change_named(name: str, intent: Intent, decide: Decision, ports: Ports) -> Outcome:
    if not is_registry_name(name):
        raise not_found(name)
    key = RegistryKey.of(intent.caller.tenant, name)
    return await change(key, intent, decide, ports)


@dataclass(frozen=True, slots=True)
class _Once:
    """A creation under an idempotency key. What it led to is kept in the same transaction."""

    key: RegistryKey
    digest: str
    fingerprint: str
    now: datetime
    is_rehearsal: bool  # the key is not used up then

    async def run(self, create: Callable[..., Awaitable[Outcome]], store: Store) -> Outcome:
        """Create, or return what was created under the key before."""
        first = await self._first_claim(store)
        if first.fingerprint != self.fingerprint:
            raise refuse(
                Code.IDEMPOTENCY_KEY_REUSED,
                "This Idempotency-Key was used for another request; take a new key for every new request.",
                "Idempotency-Key",
            )
        if (outcome := await self._recall(store)) is not None:
            return outcome
        try:
            return await create(
                replay=lambda registry: Replay(
                    idempotency_key=self.digest, registry=registry, expires_at=first.expires_at
                )
            )
        except Refusal:
            # The same request may have been under way twice, and this one was the slower.
            if (outcome := await self._recall(store)) is not None:
                return outcome
            raise

    async def _first_claim(self, store: Store) -> Claim:
        mine = Claim(fingerprint=self.fingerprint, expires_at=self.now + KEEP_IDEMPOTENCY_KEYS)
        if self.is_rehearsal:
            return await store.read_claim(self.key.tenant, self.digest, self.now) or mine
        return await store.claim(self.key.tenant, self.digest, mine, self.now)

    async def _recall(self, store: Store) -> Outcome | None:
        kept = await store.read_replay(self.key, self.digest)
        return Outcome(kept.registry, created=True, changed=True) if kept and self.now < kept.expires_at else None


def not_found(name: str) -> Refusal:
    """Return the refusal of a request for a registry that is not there."""
    return refuse(Code.REGISTRY_NOT_FOUND, f"There is no registry named {quote(name)}.", "name")
