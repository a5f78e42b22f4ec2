"""Subscribers of the running app: the real host, real queues, real HTTP."""

import base64
import json
import time

import httpx

from devstack.azurite import Azurite
from tests.live import RunningApp, follow
from tests.notification.receiver import SECRET, HttpReceiver

TENANT = "00000000-0000-0000-0000-000000000001"  # of the developer
FOREIGN = "00000000-0000-0000-0000-000000000002"
OLD_SECRET = "whsec_" + base64.b64encode(b"an old secret of 24 bytes").decode()


def _wait_for_dead_letters(client: httpx.Client, name: str) -> httpx.Response:
    """Return what was not delivered, once there is some."""
    deadline = time.monotonic() + 60
    while True:
        told = client.get(f"/registries/{name}/undelivered")
        if told.status_code == 200 and told.json()["value"]:
            return told
        assert time.monotonic() < deadline, told.text
        time.sleep(0.05)


def test_subscribers_are_told(own_azurite: Azurite, name: str) -> None:
    """A life arrives in order and signed, nothing of it at another tenant's; what is not wanted can be read after."""
    with HttpReceiver() as receiver, HttpReceiver(lambda _: (410, {})) as gone, HttpReceiver() as foreign:
        subscribers = [
            {"name": "inventory", "tenant": TENANT, "url": receiver.url, "secrets": [SECRET, OLD_SECRET]},
            {"name": "gone", "tenant": TENANT, "url": gone.url, "secrets": [SECRET], "types": ["registry.created"]},
            {"name": "foreign", "tenant": FOREIGN, "url": foreign.url, "secrets": [SECRET]},
        ]
        settings = {
            "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
            "REGISTRY_SUBSCRIBERS": json.dumps(subscribers),
            "REGISTRY_LOCAL_SUBSCRIBERS": "true",
        }
        with RunningApp.start(own_azurite, **settings) as app, app.client() as client:
            created = client.put(f"/registries/{name}", content="{location: eastus}")
            assert created.status_code == 201, created.text
            follow(client, created.headers["operation-location"])
            deleted = client.delete(f"/registries/{name}")
            follow(client, deleted.headers["operation-location"])
            received = receiver.wait_for(3)
            gone.wait_for(1)
            told = _wait_for_dead_letters(client, name)
            events = client.get(f"/registries/{name}/events")

        assert [one.event["type"] for one in received] == [
            "registry.created",
            "registry.provisioned",
            "registry.deleted",
        ]
        assert all(one.is_signed_with(SECRET) and one.is_signed_with(OLD_SECRET) for one in received)
        assert {one.event["subject"] for one in received} == {name}
        assert received[2].event["data"]["provisioning_state"] == "Deleted"
        (dead,) = told.json()["value"]
        assert (dead["subscriber"], dead["type"], dead["cause"]) == ("gone", "registry.created", "It answered 410.")
        assert (dead["address"], dead["id"]) == (f"http://127.0.0.1:{gone.port}", received[0].event["id"])
        assert foreign.received == []
        said = "".join(app.lines) + told.text + events.text
        for secret in ("canary-in-the-query", SECRET, OLD_SECRET):
            assert secret not in said
