"""Whether a valid document may take the place of what is stored. Pure: what is stored was read before."""

from collections.abc import Iterator

from registry_api.domain.changes import forbidden_changes
from registry_api.domain.problems import Code, Problem, Refusal, refuse
from registry_api.domain.registry import ProvisioningState, Registry, Scope
from registry_api.domain.spec import RegistrySpec
from registry_api.domain.validation import ValidDocument


def admit(registry: Registry | None, document: ValidDocument, scope: Scope) -> RegistrySpec | None:
    """Return the spec to store, or None when the document changes nothing.

    Args:
        registry: What is stored under the document's name.
        document: What the caller wants.
        scope: The subscription and resource group of the request.

    Raises:
        Refusal: With every reason why not.
    """
    if registry is None:
        _raise_all(_read_only_problems(_read_only_of(scope), document))
        return document.spec
    if not _same_scope(registry.scope, scope):
        raise refuse(
            Code.REGISTRY_NAME_TAKEN,
            f"The name '{registry.spec.name}' is taken by a registry in another resource group of the tenant; "
            "names are unique in a tenant.",
            "name",
        )
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
    _raise_all(_read_only_problems(stored, document))
    _raise_all(forbidden_changes(registry.spec, spec, document.places))
    is_to_be_tried_again = registry.state in {ProvisioningState.FAILED, ProvisioningState.CANCELED}
    return None if spec == registry.spec and not is_to_be_tried_again else spec


def admit_delete(registry: Registry) -> None:
    """Let a registry be deleted.

    Raises:
        Refusal: If it is protected.
    """
    if registry.spec.deletion_protection:
        raise refuse(
            Code.DELETION_PROTECTED,
            f"'{registry.spec.name}' is protected; set deletion_protection to false first.",
            "deletion_protection",
        )


def _same_scope(one: Scope, other: Scope) -> bool:
    return (one.subscription_id.lower(), one.resource_group.lower()) == (
        other.subscription_id.lower(),
        other.resource_group.lower(),
    )


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


def _raise_all(problems: Iterator[Problem]) -> None:
    if found := tuple(problems):
        raise Refusal(*found)
