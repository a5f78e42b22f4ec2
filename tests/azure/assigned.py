"""Role assignments, role definitions and deny assignments as Azure shows them, and whom and what they are about."""

from typing import Any

from devstack.resource_manager.authorization import TENANT
from registry_api.domain.caller import Caller
from registry_api.domain.scope import Scope

SUBSCRIPTION = "00000000-0000-0000-0000-00000000000b"
WHOLE = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{WHOLE}/resourceGroups/ml"
ADA, BOB, TEAM, OTHERS, CUSTOM = (f"00000000-0000-0000-0000-0000000000a{number}" for number in range(5))
OWNER, CONTRIBUTOR, READER = (
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7",
)
EVERYBODY = {"id": "00000000-0000-0000-0000-000000000000", "type": "SystemDefined"}
ABOVE = "/providers/Microsoft.Management/managementGroups/company"
HERE, ELSEWHERE = (Scope(subscription_id=SUBSCRIPTION, resource_group=group) for group in ("ml", "other"))
REGISTRY = HERE.registry_id("Demo1")


def assignment(principal: str, scope: str, role: str = OWNER, kind: str = "User", **more: Any) -> dict[str, Any]:
    """Return a role assignment as Azure shows it."""
    definition = f"{WHOLE}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    properties = {"roleDefinitionId": definition, "principalId": principal, "principalType": kind, "scope": scope}
    return {"id": f"{scope}/…/{principal}", "properties": properties | {"condition": None} | more}


def denial(*principals: dict[str, str], scope: str = WHOLE, actions: str = "*", **more: Any) -> dict[str, Any]:
    """Return a deny assignment as Azure shows it."""
    permission = {"actions": [actions], "notActions": ["*/read"], "dataActions": [], "notDataActions": []}
    properties = {"scope": scope, "permissions": [permission], "principals": list(principals), "excludePrincipals": []}
    return {"id": f"{scope}/…", "properties": properties | {"doNotApplyToChildScopes": False} | more}


def definition(*permissions: dict[str, Any]) -> dict[str, Any]:
    """Return a custom role as Azure shows it."""
    return {"name": CUSTOM, "properties": {"permissions": list(permissions), "assignableScopes": [WHOLE]}}


def caller(principal: str | None = ADA, tenant: str = TENANT) -> Caller:
    """Return a caller."""
    return Caller(tenant=tenant, id=principal, name="ada")
