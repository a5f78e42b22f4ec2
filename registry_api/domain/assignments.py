"""Who has which role where, and which roles there are besides the built-in ones: as the service's operator says it."""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from registry_api.domain import names
from registry_api.domain.permissions import BUILT_IN, Action, Grant, Role
from registry_api.domain.record import Record
from registry_api.domain.scope import GUID, REGISTRY_TYPE, RESOURCE_GROUP

Guid = Annotated[
    str,
    BeforeValidator(lambda given: given.lower() if isinstance(given, str) else given),
    Field(pattern=f"^{GUID}$"),
]

_REGISTRY = rf"/providers/{re.escape(REGISTRY_TYPE)}/{names.PATTERN.pattern}"
_SCOPE = rf"(?i)/|/subscriptions/{GUID}(/resourceGroups/{RESOURCE_GROUP}({_REGISTRY})?)?"


def _scope(given: str) -> str:
    if not re.fullmatch(_SCOPE, given):
        raise ValueError(
            "must be '/', or the Azure id of a subscription, which is a GUID, of a resource group in it or of a "
            f"registry there, which ends in /providers/{REGISTRY_TYPE}/…"
        )
    return given


ScopeId = Annotated[str, AfterValidator(_scope)]
"""Everything, a subscription, a resource group or a registry, as Azure writes its id."""


class RoleDefinition(Record):
    """Actions that go together; `*` stands for any text."""

    model_config = ConfigDict(extra="forbid")

    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()


class Assigned(Record):
    """A role over a scope; or, with `denies`, what no role may give there."""

    model_config = ConfigDict(extra="forbid")

    role: str
    scope: ScopeId
    denies: bool = False


class Assignment(Assigned):
    """A role of a principal: a user, an application or a managed identity, by its object id."""

    tenant: str
    principal: str


class RoleBook(Record):
    """All roles and assignments."""

    model_config = ConfigDict(extra="forbid")

    roles: Mapping[str, RoleDefinition] = {}
    assignments: tuple[Assignment, ...] = ()

    @model_validator(mode="after")
    def _clear(self) -> Self:
        taken = {name.lower() for name in BUILT_IN}
        for name, role in self.roles.items():
            if name.lower() in taken or name != name.strip() or not name:
                raise ValueError(
                    f"'{name}' is no name for a custom role: it needs one of its own, without blanks around"
                )
            taken.add(name.lower())
            if not any(Role(role.actions, role.not_actions).has(action) for action in Action):
                raise ValueError(f"role '{name}' has none of the actions {', '.join(Action)}")
        for assignment in self.assignments:
            self.check(assignment)
        return self

    def check(self, assigned: Assigned) -> None:
        """Check that a role is known.

        Raises:
            ValueError: If it is not.
        """
        if assigned.role not in {*BUILT_IN, *self.roles}:
            known = ", ".join([*BUILT_IN, *self.roles])
            raise ValueError(f"'{assigned.role}' is no role; there are {known}")

    def with_assignments(self, assignments: Collection[Assignment]) -> Self:
        """Return the same roles with more assignments."""
        return self.model_copy(update={"assignments": (*self.assignments, *assignments)})

    def grants_of(self, tenant: str, principal: str) -> list[Grant]:
        """Return what is granted and denied to a principal of a tenant."""
        return [
            Grant(self._role(assignment.role), assignment.scope, assignment.denies)
            for assignment in self.assignments
            if (assignment.tenant.lower(), assignment.principal.lower()) == (tenant.lower(), principal.lower())
        ]

    def _role(self, name: str) -> Role:
        defined = self.roles.get(name)
        return Role(defined.actions, defined.not_actions) if defined else BUILT_IN[name]
