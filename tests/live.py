"""A running app: the real host, the real storage emulator, real HTTP."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from devstack.azurite import Azurite

ROOT = Path(__file__).parents[1]
_READY_WITHIN = 60.0
_CONVERGED_WITHIN = 60.0
_POLL_SECONDS = 0.1


@dataclass
class RunningApp:
    """The app under `devhost --split`, started here. As a context manager it is stopped at the end."""

    process: subprocess.Popen[str]
    url: str = ""
    lines: list[str] = field(default_factory=list)
    _ready: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def start(cls, azurite: Azurite, **environment: str) -> Self:
        """Start the app on a free port and return when it answers."""
        process = subprocess.Popen(
            [sys.executable, "-m", "devhost", str(ROOT), "--port", "0", "--split"],
            cwd=ROOT,
            env=os.environ
            | {
                "AzureWebJobsStorage": azurite.connection_string(),
                "REGISTRY_LOCAL_BLOB_ENDPOINT": azurite.blob_endpoint,
                "FUNCTIONS_WORKER_RUNTIME": "python",
            }
            | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        app = cls(process)
        threading.Thread(target=app._read, daemon=True).start()
        if not app._ready.wait(_READY_WITHIN) or not app.url:
            app.stop()
            raise AssertionError("The app did not start:\n" + "".join(app.lines))
        return app

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the host and with it its children."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def kill_worker(self) -> None:
        """Kill the process that serves the queue, without warning."""
        pids = [match[1] for line in list(self.lines) if (match := re.search(r"triggers: pid (\d+)", line))]
        os.kill(int(pids[-1]), signal.SIGKILL)

    def client(self) -> httpx.Client:
        """Return a client of the API."""
        return httpx.Client(base_url=f"{self.url}/api", timeout=30, trust_env=False)

    def _read(self) -> None:
        assert self.process.stdout is not None
        try:
            for line in self.process.stdout:
                self.lines.append(line)
                if (match := re.search(r"ready: (\S+)", line)) is not None:
                    self.url = match[1]
                    self._ready.set()
        except ValueError:  # the pipe was closed at the end of the test
            pass
        self._ready.set()


def follow(client: httpx.Client, operation: str) -> dict[str, Any]:
    """Poll an operation until it has ended and return it."""
    deadline = time.monotonic() + _CONVERGED_WITHIN
    while True:
        answer = client.get(operation)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        if body["end_time"] is not None:
            return body
        assert time.monotonic() < deadline, f"The operation did not end: {body}"
        time.sleep(_POLL_SECONDS)
