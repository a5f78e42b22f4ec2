"""The stack that is measured: Azurite and the app under devhost, HTTP and triggers in separate processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import httpx

from devstack import azurite
from devstack.azurite import Azurite
from devstack.child import ROOT, Child

_READY_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Stack:
    """Storage, and a client of the API."""

    storage: Azurite
    client: httpx.Client


@contextmanager
def running_stack(folder: Path) -> Iterator[Stack]:
    """Start a stack on free ports, its data and its log in a folder; end it afterwards."""
    log = folder / "app.log"
    with (
        azurite.start(folder / "azurite") as storage,
        Child.start(
            "The app",
            *("devhost", str(ROOT), "--port", "0", "--split"),
            environment={
                "AzureWebJobsStorage": storage.connection_string(),
                "REGISTRY_LOCAL_BLOB_ENDPOINT": storage.blob_endpoint,
                "FUNCTIONS_WORKER_RUNTIME": "python",
            },
            log=log,
        ) as app,
    ):
        app.wait_until(lambda: "ready: " in log.read_text("utf-8"), sleep, _READY_WITHIN)
        url = log.read_text("utf-8").partition("ready: ")[2].split()[0]
        with httpx.Client(base_url=f"{url}/api", timeout=30, trust_env=False) as client:
            yield Stack(storage, client)
