"""Roles from Azure on the running app: tokens of an issuer of our own, the app's own identity towards Azure."""

from devstack.azurite import Azurite
from devstack.resource_manager.running import RunningResourceManager
from tests.access.issuer import AUDIENCE, OBJECT, TENANT, Issuer
from tests.azure.assigned import GROUP, READER, SUBSCRIPTION, WHOLE, assignment
from tests.live import RunningApp, follow

UNSEEN = "00000000-0000-0000-0000-00000000000c"


def test_callers_may_do_what_azure_says(azure: RunningResourceManager, azurite: Azurite, name: str) -> None:
    """Owner in one group and Reader in the other, by Azure alone; 503 where it does not tell, 403 where it says no."""
    azure.control(
        "PUT",
        "authorization",
        {
            "tenants": {SUBSCRIPTION: TENANT},
            "role_assignments": [assignment(OBJECT, GROUP), assignment(OBJECT, WHOLE, READER)],
        },
    )
    with Issuer() as issuer:
        settings = {
            "REGISTRY_AUTHORITY": issuer.url,
            "REGISTRY_AUDIENCES": AUDIENCE,
            "REGISTRY_TENANTS": TENANT,
            "REGISTRY_SUBSCRIPTION_ID": SUBSCRIPTION,
            "REGISTRY_RESOURCE_GROUP": "ml",
            "REGISTRY_ROLES_FROM_AZURE": "true",
            "REGISTRY_BACKEND": "local",
            "WEBSITE_INSTANCE_ID": "1",
            "AZURE_FUNCTIONS_ENVIRONMENT": "Production",
        }
        path = f"/registries/{name}"
        with RunningApp.start(azurite, **(azure.environment | settings)) as app, app.client() as client:
            client.headers["authorization"] = f"Bearer {issuer.token()}"
            for subscription, status, code in (
                (SUBSCRIPTION, 503, "AuthorizationUnavailable"),
                (UNSEEN, 403, "AuthorizationFailed"),
                ("no-guid", 400, "InvalidParameter"),
            ):
                fault = {"method": "GET", "path": f"/{subscription}$", "status": 404}
                fault["code"] = "SubscriptionNotFound" if subscription == UNSEEN else "NeverHeardOf"
                azure.control("POST", "faults", fault)
                refused = client.get(path, params={"subscription_id": subscription})
                assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)

            assert client.put(path, params={"resource_group": "other"}, content="{location: eastus}").status_code == 403
            created = client.put(path, content="{location: eastus}")
            assert created.status_code == 201, created.text
            follow(client, created.headers["operation-location"])
            assert client.get("/registries").status_code == 200
            azure.control("PUT", "authorization", {"role_assignments": []})
            assert client.delete(path).status_code == 202  # what was told is kept for five minutes
