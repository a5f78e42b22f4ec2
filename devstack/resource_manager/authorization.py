"""Who may do what: role assignments, role definitions and deny assignments, as somebody has set them."""

import re
from dataclasses import dataclass, field
from typing import Any

from devstack.resource_manager.messages import Request, not_found

TENANT = "00000000-0000-0000-0000-000000000001"
_DEFINITION = "/providers/Microsoft.Authorization/roleDefinitions/"
_ASSIGNED_TO = re.compile(r"assignedTo\('([^']+)'\)", re.IGNORECASE)
_PRINCIPAL = re.compile(r"principalId eq '([^']+)'", re.IGNORECASE)
_AT_SCOPE = re.compile(r"atScope\(\)", re.IGNORECASE)
_ROLE_NAME = re.compile(r"roleName eq '([^']+)'", re.IGNORECASE)


def _built_in(guid: str, name: str, actions: list[str], not_actions: list[str] | None = None) -> dict[str, Any]:
    permission = {"actions": actions, "notActions": not_actions or [], "dataActions": [], "notDataActions": []}
    properties = {"roleName": name, "type": "BuiltInRole", "assignableScopes": ["/"], "permissions": [permission]}
    return {
        "id": _DEFINITION + guid,
        "name": guid,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": properties,
    }


_NOT_FOR_CONTRIBUTORS = [
    "Microsoft.Authorization/*/Delete",
    "Microsoft.Authorization/*/Write",
    "Microsoft.Authorization/elevateAccess/Action",
]
BUILT_IN = [
    _built_in("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner", ["*"]),
    _built_in("b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor", ["*"], _NOT_FOR_CONTRIBUTORS),
    _built_in("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", ["*/read"]),
]


@dataclass(slots=True)
class Authorization:
    """Assignments and definitions in the shapes in which Azure answers, and who is in which group."""

    role_assignments: list[dict[str, Any]] = field(default_factory=list)
    role_definitions: list[dict[str, Any]] = field(default_factory=list)
    deny_assignments: list[dict[str, Any]] = field(default_factory=list)
    groups: dict[str, list[str]] = field(default_factory=dict)  # of a principal, those above them included
    tenants: dict[str, str] = field(default_factory=dict)  # that subscriptions trust, if not TENANT

    def subscription(self, subscription: str) -> dict[str, Any]:
        """Return a subscription."""
        tenant = self.tenants.get(subscription, TENANT)
        return {"id": f"/subscriptions/{subscription}", "subscriptionId": subscription, "tenantId": tenant}

    def assignments_at(self, scope: str, request: Request) -> list[dict[str, Any]]:
        """Return the role assignments at a scope, above it and, unless the filter is `atScope()`, below it."""
        return self._applying(self.role_assignments, scope, request)

    def denials_at(self, scope: str, request: Request) -> list[dict[str, Any]]:
        """Return the deny assignments that concern a scope."""
        return self._applying(self.deny_assignments, scope, request)

    def definitions_at(self, scope: str, request: Request) -> list[dict[str, Any]]:
        """Return the role definitions that can be assigned at a scope."""
        found = BUILT_IN + [
            definition
            for definition in self.role_definitions
            if any(_is_within(scope, above) for above in definition["properties"]["assignableScopes"])
        ]
        name = _ROLE_NAME.search(request.query.get("$filter", ""))
        return [one for one in found if name is None or one["properties"]["roleName"] == name[1]]

    def definition(self, guid: str) -> dict[str, Any]:
        """Return a role definition.

        Raises:
            ArmError: If there is none.
        """
        for definition in BUILT_IN + self.role_definitions:
            if definition["name"].lower() == guid.lower():
                return definition
        raise not_found(f"Microsoft.Authorization/roleDefinitions/{guid}")

    def _with_groups(self, principal: str) -> set[str]:
        return {principal, *self.groups.get(principal, [])}

    def _applying(self, entries: list[dict[str, Any]], scope: str, request: Request) -> list[dict[str, Any]]:
        condition = request.query.get("$filter", "")
        at_scope = _AT_SCOPE.search(condition) is not None
        assigned_to, principal = _ASSIGNED_TO.search(condition), _PRINCIPAL.search(condition)
        found = []
        for entry in entries:
            place = entry["properties"]["scope"]
            if not (_is_within(scope, place) or (_is_within(place, scope) and not at_scope)):
                continue
            whom = _principals(entry)
            if assigned_to is not None and not whom & self._with_groups(assigned_to[1].lower()):
                continue
            if principal is not None and principal[1].lower() not in whom:
                continue
            found.append(entry)
        return found


def _principals(entry: dict[str, Any]) -> set[str]:
    properties = entry["properties"]
    if "principalId" in properties:
        return {properties["principalId"].lower()}
    return {principal["id"].lower() for principal in properties.get("principals", [])}


def _is_within(scope: str, above: str) -> bool:
    scope, above = scope.lower().rstrip("/"), above.lower().rstrip("/")
    is_above_subscriptions = above == "" or above.startswith("/providers/microsoft.management/managementgroups/")
    return is_above_subscriptions or scope == above or scope.startswith(f"{above}/")
