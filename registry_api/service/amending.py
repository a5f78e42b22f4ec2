"""The verbs of the Resource Manager contract that differ: a PUT that takes away no region, and their removal."""

from collections.abc import Mapping
from typing import Any

from registry_api.domain import lifecycle
from registry_api.domain.admission import admit_amendment, admit_creation, admit_removal
from registry_api.domain.completion import complete
from registry_api.domain.lifecycle import Acceptance
from registry_api.domain.permissions import Action
from registry_api.domain.registry import Registry
from registry_api.domain.validation import ListedRegion, examine
from registry_api.service.accepting import Intent, Outcome, change
from registry_api.service.ports import Ports
from registry_api.service.reading import key_of, not_found
from registry_api.service.registries import key_of_document


async def amend(
    document: Mapping[str, Any],
    name: str,
    intent: Intent,
    *,
    allowed: frozenset[str] | None = None,
    ports: Ports,
) -> Outcome:
    """Create a registry, or change it to be as a document says that is completed from what is stored.

    Raises:
        Refusal: If what is stored speaks against it, or a region is left out; nothing is written then.
        StorageUnavailable: If it may or may not have been written; the same request again is safe.
    """
    draft = examine(document, name)

    def decide(registry: Registry | None, acceptance: Acceptance) -> Registry | None:
        intent.conditions.check(registry.etag if registry else None)
        if registry is None:
            spec = admit_creation(draft, intent.scope, allowed, is_name_taken=acceptance.is_name_taken)
            return lifecycle.create(spec, intent.scope, acceptance)
        changed = admit_amendment(registry, examine(complete(document, registry), name), allowed)
        return None if changed is None else lifecycle.update(registry, changed, acceptance)

    key = key_of_document(draft, intent, allowed)
    return await change(key, intent, Action.WRITE, decide, ports)


async def remove_regions(name: str, regions: tuple[ListedRegion, ...], intent: Intent, *, ports: Ports) -> Outcome:
    """Take regions away from a registry; those that it does not have are gone already.

    Raises:
        Refusal: If there is no such registry, or the primary region is named; nothing is written then.
        StorageUnavailable: If it may or may not have been written; the same request again is safe.
    """

    def decide(registry: Registry | None, acceptance: Acceptance) -> Registry | None:
        if registry is None:
            raise not_found(name)
        intent.conditions.check(registry.etag)
        spec = admit_removal(registry, regions)
        return None if spec is None else lifecycle.update(registry, spec, acceptance)

    return await change(key_of(name, intent), intent, Action.WRITE, decide, ports)
