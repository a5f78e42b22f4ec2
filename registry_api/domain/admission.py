"""Whether a valid document may take the place of what is stored. Pure: what is stored was read before."""

from collections.abc import Collection, Iterable, Iterator
from itertools import chain

from registry_api.domain.changes import forbidden_changes, forbidden_removals
from registry_api.domain.problems import Code, Path, Problem, Refusal, refuse, write_path
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.registry import Registry
from registry_api.domain.scope import Scope
from registry_api.domain.spec import RegistrySpec
from registry_api.domain.validation import Draft, ListedRegion

_NAME_TAKEN = Problem(
    Code.REGISTRY_NAME_TAKEN,
    "The name is taken by a registry in another resource group of the tenant; names are unique in a tenant.",
    ("name",),
)


def admit_creation(
    document: Draft, scope: Scope, allowed: frozenset[str] | None = None, *, is_name_taken: bool = False
) -> RegistrySpec:
    """Return the spec of a new registry.

    Args:
        document: What the caller wants.
        scope: The subscription and resource group that the registry is to have.
        allowed: The regions that it may be in; None allows all.
        is_name_taken: Whether a registry has its name that is not there for the caller.

    Raises:
        Refusal: With every reason why not.
    """
    return _valid(
        document,
        [_NAME_TAKEN] if is_name_taken else (),
        document.problems,
        _read_only_problems(_read_only_of(scope), document),
        _region_problems((), document, allowed),
    )


def admit_change(
    registry: Registry, document: Draft, allowed: frozenset[str] | None = None, *others: Iterable[Problem]
) -> RegistrySpec | None:
    """Return the spec to store in place of a registry's, or None when the document changes nothing.

    Args:
        registry: What is stored under the document's name.
        document: What the caller wants.
        allowed: The regions that new ones must be of; None allows all. A region that is there may stay.
        others: What else speaks against it.

    Raises:
        Refusal: With every reason why not: those of the document by itself, and those of what is stored.
    """
    _admit_state(registry)
    stored = {
        **_read_only_of(registry.scope),
        "id": registry.id,
        "system_data": registry.system_data.as_json(),
    }
    spec = _valid(
        document,
        # Of a registry that exists, this is told as the change that it is.
        (problem for problem in document.problems if problem.code is not Code.PRIMARY_LOCATION_NOT_REPLICATED),
        _read_only_problems(stored, document),
        _region_problems(registry.spec.region_names, document, allowed),
        forbidden_changes(registry.spec, document, registry.storage_configs),
        *others,
    ).model_copy(update={"name": registry.spec.name})
    return _unless_pointless(registry, spec)


def admit_amendment(registry: Registry, document: Draft, allowed: frozenset[str] | None = None) -> RegistrySpec | None:
    """Return the spec to store in place of a registry's, or None when nothing changes; no region may be left out.

    Raises:
        Refusal: With every reason why not.
    """
    return admit_change(registry, document, allowed, forbidden_removals(registry.spec, document))


def admit_removal(registry: Registry, regions: Iterable[ListedRegion]) -> RegistrySpec | None:
    """Return the spec of a registry without some regions, or None when it has none of them.

    Raises:
        Refusal: If its primary region is one of them.
    """
    _admit_state(registry)
    removed = {region.name: region.path for region in regions}
    primary = registry.spec.location
    if primary in removed:
        raise refuse(
            Code.PRIMARY_LOCATION_IMMUTABLE,
            f"'{primary}' is the primary location, which can never be removed; delete the registry for that.",
            *removed[primary],
        )
    kept = tuple(region for region in registry.spec.replication_locations if region.location not in removed)
    return _unless_pointless(registry, registry.spec.model_copy(update={"replication_locations": kept}))


def _unless_pointless(registry: Registry, spec: RegistrySpec) -> RegistrySpec | None:
    """Return a spec, or None when it is the registry's and nothing is to be tried again."""
    is_to_be_tried_again = registry.state in {ProvisioningState.FAILED, ProvisioningState.CANCELED}
    return None if spec == registry.spec and not is_to_be_tried_again else spec


def admit_absence(registry: Registry | None) -> None:
    """Let a registry be created.

    Raises:
        Refusal: If there is one of this name.
    """
    if registry is not None:
        _admit_state(registry)
        raise refuse(
            Code.REGISTRY_ALREADY_EXISTS,
            f"A registry named '{registry.spec.name}' exists; PUT changes it.",
            "name",
        )


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


def _admit_state(registry: Registry) -> None:
    if registry.state is ProvisioningState.DELETING:
        raise refuse(
            Code.REGISTRY_BEING_DELETED,
            f"'{registry.spec.name}' is being deleted; follow operation '{registry.operation.id}' and try again.",
        )


def _read_only_of(scope: Scope) -> dict[str, object]:
    return {"subscription_id": scope.subscription_id, "resource_group": scope.resource_group}


def _read_only_problems(stored: dict[str, object], document: Draft) -> Iterator[Problem]:
    for field, given in document.read_only.items():
        for path in _changed(given, stored.get(field), (field,)):
            yield Problem(
                Code.READ_ONLY_FIELD,
                f"'{write_path(path)}' is set by the service and cannot be changed; leave it out or send it back as it "
                "was.",
                path,
            )


def _changed(given: object, stored: object, path: Path) -> Iterator[Path]:
    """Yield what is not as it was in what is sent back, which may be a part of it.

    Who changed a registry last may be old: that is what a change changes.
    """
    if isinstance(given, dict) and isinstance(stored, dict):
        for field, value in given.items():
            if not str(field).startswith("last_modified_"):
                yield from _changed(value, stored.get(field), (*path, field))
    elif isinstance(given, str) and isinstance(stored, str):
        if given.lower() != stored.lower():  # ids, subscriptions and groups have no case on Azure
            yield path
    elif given != stored:
        yield path


def _region_problems(there: Collection[str], document: Draft, allowed: frozenset[str] | None) -> Iterator[Problem]:
    if allowed is None:
        return
    listed = [(region.name, region.path) for region in document.regions]
    primary: list[tuple[str, Path]] = [] if document.location is None else [(document.location, ("location",))]
    for region, path in dict([*primary, *reversed(listed)]).items():
        if region not in allowed and region not in there:
            yield Problem(
                Code.LOCATION_NOT_SUPPORTED,
                f"'{region}' may not be used here; allowed are {', '.join(sorted(allowed))}.",
                path,
            )


def _valid(document: Draft, *problems: Iterable[Problem]) -> RegistrySpec:
    """Return the document's spec, unless there are problems."""
    if found := [*chain(*problems)]:
        raise Refusal(*found)
    return document.spec
