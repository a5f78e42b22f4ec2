"""Whether a valid document may take the place of what is stored. Pure: what is stored was read before."""

from collections.abc import Iterable, Iterator

from registry_api.domain import regions
from registry_api.domain.changes import forbidden_changes, immutable_location
from registry_api.domain.filters import Filter
from registry_api.domain.problems import Code, Problem, Refusal, refuse
from registry_api.domain.registry import ProvisioningState, Registry, Scope
from registry_api.domain.spec import RegistrySpec
from registry_api.domain.validation import ValidDocument


def admit(
    registry: Registry | None, document: ValidDocument, scope: Scope, allowed: frozenset[str] | None = None
) -> RegistrySpec | None:
    """Return the spec to store, or None when the document changes nothing.

    Args:
        registry: What is stored under the document's name.
        document: What the caller wants.
        scope: The subscription and resource group that the registry has or is to have.
        allowed: The regions that new ones must be of; None allows all. A region that is there may stay.

    Raises:
        Refusal: With every reason why not.
    """
    if registry is None:
        _raise_all([*_read_only_problems(_read_only_of(scope), document), *_region_problems(None, document, allowed)])
        return document.spec
    if registry.state is ProvisioningState.DELETING:
        raise refuse(
            Code.REGISTRY_BEING_DELETED,
            f"'{registry.spec.name}' is being deleted; follow operation '{registry.operation.id}' and try again.",
        )
    spec = document.spec.model_copy(update={"name": registry.spec.name})
    stored = {
        **_read_only_of(registry.scope),
        "id": registry.id,
        "system_data": registry.system_data.as_json(),
    }
    _raise_all(
        [
            *_read_only_problems(stored, document),
            *_region_problems(registry, document, allowed),
            *forbidden_changes(registry.spec, spec, registry.storage_configs, document.places),
        ]
    )
    is_to_be_tried_again = registry.state in {ProvisioningState.FAILED, ProvisioningState.CANCELED}
    return None if spec == registry.spec and not is_to_be_tried_again else spec


def admit_new(registry: Registry | None, within: Filter) -> None:
    """Let a registry be created.

    Raises:
        Refusal: If there is one of this name.
    """
    if registry is not None:
        admit_scope(registry, within)
        raise refuse(
            Code.REGISTRY_ALREADY_EXISTS,
            f"A registry named '{registry.spec.name}' exists; PUT changes it.",
            "name",
        )


def admit_scope(registry: Registry, within: Filter) -> None:
    """Let a registry be changed by a request that names a scope.

    Raises:
        Refusal: If the registry belongs to another one.
    """
    if not within.matches(registry):
        raise refuse(
            Code.REGISTRY_NAME_TAKEN,
            f"The name '{registry.spec.name}' is taken by a registry in another resource group of the tenant; "
            "names are unique in a tenant.",
            "name",
        )


def admit_location(registry: Registry, given: object) -> None:
    """Let a registry's primary location be what a patch leaves, before the rest of the result is looked at.

    Raises:
        Refusal: If it is another region.
    """
    region = regions.find(given) if isinstance(given, str) else None
    if region is not None and region.name != registry.spec.location:
        raise Refusal(immutable_location(registry.spec.location, region.name))


def admit_delete(registry: Registry) -> bool:
    """Tell whether a registry is to be deleted now; not when it is on its way out already.

    Raises:
        Refusal: If it is protected.
    """
    if registry.deleting and not registry.state.is_terminal:
        return False
    if registry.spec.deletion_protection:
        raise refuse(
            Code.DELETION_PROTECTED,
            f"'{registry.spec.name}' is protected; set deletion_protection to false first.",
            "deletion_protection",
        )
    return True


def _read_only_of(scope: Scope) -> dict[str, object]:
    return {"subscription_id": scope.subscription_id, "resource_group": scope.resource_group}


def _read_only_problems(stored: dict[str, object], document: ValidDocument) -> Iterator[Problem]:
    for field, given in document.read_only.items():
        if given != stored.get(field):
            yield Problem(
                Code.READ_ONLY_FIELD,
                f"'{field}' is set by the service and cannot be changed; leave it out or send it back as it was.",
                (field,),
            )


def _region_problems(
    registry: Registry | None, document: ValidDocument, allowed: frozenset[str] | None
) -> Iterator[Problem]:
    if allowed is None:
        return
    there = set(registry.spec.region_names) if registry else set()
    for region in document.spec.region_names:
        if region not in allowed | there:
            place = document.places.get(region)
            yield Problem(
                Code.LOCATION_NOT_SUPPORTED,
                f"'{region}' may not be used here; allowed are {', '.join(sorted(allowed))}.",
                ("location",) if place is None else ("replication_locations", place, "location"),
            )


def _raise_all(problems: Iterable[Problem]) -> None:
    if found := tuple(problems):
        raise Refusal(*found)
