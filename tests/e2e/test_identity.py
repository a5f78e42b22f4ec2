"""Who is let in, on the running app, with tokens of an issuer of our own."""

import hashlib
import json

import httpx

from devstack.azurite import Azurite
from tests.access.issuer import AUDIENCE, OBJECT, OTHER_TENANT, TENANT, Issuer
from tests.live import RunningApp, follow

KEY = "key-of-a-pipeline-that-is-long-enough"
DOCUMENT = "{location: eastus}"


def test_tenants_are_apart(azurite: Azurite, name: str) -> None:
    """A user's registry is there for its tenant's pipeline, and for nobody of another tenant; nobody else is let in."""
    with Issuer() as issuer:
        key = {"name": "ci", "tenant": TENANT, "object_id": OBJECT, "sha256": hashlib.sha256(KEY.encode()).hexdigest()}
        owner = {"tenant": TENANT, "principal": OBJECT, "role": "Owner", "scope": "/"}
        settings = {
            "REGISTRY_AUTHORITY": issuer.url,
            "REGISTRY_AUDIENCES": AUDIENCE,
            "REGISTRY_TENANTS": f"{TENANT},{OTHER_TENANT}",
            "REGISTRY_KEYS": json.dumps([key]),
            "REGISTRY_ROLES": json.dumps({"assignments": [owner, owner | {"tenant": OTHER_TENANT}]}),
        }
        ada = {"authorization": f"Bearer {issuer.token()}"}
        eve = {"authorization": f"Bearer {issuer.token(tenant=OTHER_TENANT)}"}
        pipeline = {"x-functions-key": KEY}
        path = f"/registries/{name}"
        with RunningApp.start(azurite, **settings) as app, app.client() as client:
            created = client.put(path, content=DOCUMENT, headers=ada)
            operation = created.headers["operation-location"].partition("/api")[2]

            assert created.json()["system_data"]["created_by"] == "ada@contoso.com"
            assert created.json()["system_data"]["created_by_type"] == "User"
            for url in (path, operation, f"{path}/events", f"{path}/revisions", f"{path}/operations"):
                seen = client.get(url, headers=eve)
                never = client.get(url.lower().replace(name.lower(), "never-was"), headers=eve)
                assert (seen.status_code, seen.json()["error"]["code"]) == (404, never.json()["error"]["code"])
            assert client.get("/registries", headers=eve).json()["value"] == []
            assert client.delete(path, headers=eve).status_code == 204
            changed = client.patch(
                path, json={"tags": {"by": "ci"}}, headers=pipeline | {"content-type": "application/merge-patch+json"}
            )
            assert changed.json()["system_data"]["last_modified_by"] == "ci"
            for headers in (
                {},
                {"authorization": "Bearer x"},
                {"x-functions-key": "x"},
                {"x-ms-client-principal": "e30="},
            ):
                _check_refused(client, path, headers)
            client.headers.update(pipeline)
            assert follow(client, changed.headers["operation-location"].partition("/api")[2])["status"] == "Succeeded"
            assert KEY not in "".join(app.lines)
            assert ada["authorization"] not in "".join(app.lines)


def _check_refused(client: httpx.Client, path: str, headers: dict[str, str]) -> None:
    """Check that nobody is let in, whatever else is wrong with the request."""
    for url in (path, "/registries/never-was", f"{path}?colour=red"):
        answer = client.get(url, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "Unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
