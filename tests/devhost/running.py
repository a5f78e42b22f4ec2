"""Function apps on disk and hosts that run them, for tests."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_REPOSITORY = Path(__file__).parents[2]
_PATIENCE = 30.0


def write_app(
    folder: Path,
    source: str,
    *,
    host: Mapping[str, Any] | None = None,
    local: Mapping[str, Any] | None = None,
) -> Path:
    """Write a function app and return its folder."""
    (folder / "function_app.py").write_text(source)
    (folder / "host.json").write_text(json.dumps({"version": "2.0", **(host or {})}))
    if local is not None:
        (folder / "local.settings.json").write_text(json.dumps(local))
    return folder


class HostProcess:
    """A host in a process of its own, on a free port, whose output can be awaited."""

    def __init__(self, app_dir: Path, *arguments: str, **environment: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AzureWebJobs")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "devhost", str(app_dir), "--port", "0", *arguments],
            cwd=_REPOSITORY,
            env={**clean, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._ended = False
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self._lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def wait_for(self, pattern: str, *, count: int = 1) -> list[re.Match[str]]:
        """Return the first matches of a pattern in the output, one per line, when there are enough."""
        deadline = time.monotonic() + _PATIENCE
        with self._news:
            while True:
                found = [match for line in self._lines if (match := re.search(pattern, line))]
                if len(found) >= count:
                    return found[:count]
                assert not self._ended, f"ended without {pattern!r}:\n{self.output}"
                assert self._news.wait(deadline - time.monotonic()), f"no {pattern!r}:\n{self.output}"

    @property
    def output(self) -> str:
        """Return what the host has printed and logged so far."""
        return "\n".join(self._lines)

    @property
    def url(self) -> str:
        """Return where the host serves HTTP, as soon as it is ready."""
        return self.wait_for(r"ready: (http://\S+)")[0][1]

    def pid(self, role: str, *, start: int = 1) -> int:
        """Return the process that serves a role: the first that was started for it, or a later one."""
        return int(self.wait_for(rf"\[devhost\] {role}: pid (\d+)", count=start)[-1][1])

    @property
    def all_have_ended(self) -> bool:
        """Tell whether nobody is left who could write to the host's output: no child either."""
        return not self._reader.is_alive()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process that was started."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        code = self._process.wait(_PATIENCE)
        self._reader.join(_PATIENCE)
        return code

    def stop(self) -> int:
        """Ask the host to end and return its exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End the host whatever it is doing; its children follow by themselves."""
        self._process.kill()
        self._process.wait()
        self._reader.join(_PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()
