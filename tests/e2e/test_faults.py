"""What happens when parts of the running product die."""

import time
from pathlib import Path

import httpx

from devstack import azurite as emulator
from devstack.azurite import Azurite
from tests.live import RunningApp, follow

TWO_REGIONS = "{location: eastus, replication_locations: [{location: eastus}, {location: westus}]}"


def wait_for(client: httpx.Client, operation: str, region: str, text: str) -> None:
    """Wait until a region's step tells something."""
    deadline = time.monotonic() + 30
    while True:
        steps = {step["location"]: step for step in client.get(operation).json()["steps"]}
        if text in f"{steps[region]['state']} {steps[region]['message']}":
            return
        assert time.monotonic() < deadline, steps
        time.sleep(0.05)


def test_a_region_that_is_down_fails_alone_and_work_goes_on_after_a_restart(own_azurite: Azurite, name: str) -> None:
    """While a region is down the others are made; the worker is killed, the app restarted, and it all ends well."""
    with RunningApp.start(own_azurite, REGISTRY_LOCAL_REGIONS_DOWN="westus") as app, app.client() as client:
        answer = client.put(f"/registries/{name}", content=TWO_REGIONS)
        operation = answer.headers["operation-location"]
        wait_for(client, operation, "eastus", "Ready")
        wait_for(client, operation, "westus", "westus")
        app.kill_worker()

    with RunningApp.start(own_azurite) as app, app.client() as client:
        path = operation.partition("/api")[2]
        assert follow(client, path)["status"] == "Succeeded"


def test_killed_workers_are_followed_by_others(running_app: RunningApp, name: str) -> None:
    """A worker process that is killed in the middle of its work is restarted, and every registry ends right."""
    many = "{location: %s, storage_config: {replication_count: 10}}"
    regions = ", ".join(many % region for region in ("eastus", "westus", "eastus2", "westeurope"))
    document = f"{{location: eastus, replication_locations: [{regions}]}}"
    with running_app.client() as client:
        operations = [
            client.put(f"/registries/{name}-{number}", content=document).headers["operation-location"]
            for number in range(4)
        ]
        while not any(client.get(operation).json()["status"] == "Running" for operation in operations):
            time.sleep(0.005)
        running_app.kill_worker()
        unfinished = [client.get(operation).json()["end_time"] is None for operation in operations]

        assert any(unfinished)
        assert {follow(client, operation)["status"] for operation in operations} == {"Succeeded"}


def test_storage_that_is_down_is_told_and_comes_back(tmp_path: Path, name: str) -> None:
    """Without storage every request is answered 503 within ten seconds; with it, all is as before."""
    with emulator.start(tmp_path) as first, RunningApp.start(first) as app, app.client() as client:
        created = client.put(f"/registries/{name}", content="location: eastus")
        assert follow(client, created.headers["operation-location"])["status"] == "Succeeded"

        first.stop()
        for method, path in (("GET", f"/registries/{name}"), ("PUT", f"/registries/{name}"), ("GET", "/registries")):
            began = time.monotonic()
            answer = client.request(method, path, content="location: eastus" if method == "PUT" else None)
            assert (answer.status_code, answer.headers["x-ms-error-code"]) == (503, "StorageUnavailable"), path
            assert answer.headers["retry-after"] == "5"
            assert time.monotonic() - began < 10
        assert client.get("/health").status_code == 200
        assert client.get("/health/ready").status_code == 503

        with emulator.start(tmp_path, first.ports):
            assert client.get(f"/registries/{name}").headers["etag"] == created.headers["etag"]
            changed = client.put(f"/registries/{name}", content="{location: eastus, description: again}")
            assert follow(client, changed.headers["operation-location"])["status"] == "Succeeded"
