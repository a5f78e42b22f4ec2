"""A stack in a process of its own, as `make start` runs it."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from devstack.child import ROOT
from devstack.settings import HOST

_TERMINAL = frozenset({"FORCE_COLOR", "TTY_COMPATIBLE"})  # with these, rich takes a pipe for a terminal
_READY = re.compile(r"Registry API is ready at (\S+) ")


@dataclass
class RunningStack:
    """A stack that has said that it is ready."""

    process: subprocess.Popen[str]
    environment: Mapping[str, str]
    url: str
    errors: Path


def environment_for(data_dir: Path) -> dict[str, str]:
    """Return an environment for a stack on free ports."""
    names = ("PORT", "AZURITE_BLOB_PORT", "AZURITE_QUEUE_PORT", "AZURITE_TABLE_PORT")
    with ExitStack() as held:
        probes = [held.enter_context(socket.create_server((HOST, 0))) for _ in names]
        ports = {name: str(probe.getsockname()[1]) for name, probe in zip(names, probes, strict=True)}
    inherited = {name: value for name, value in os.environ.items() if name not in _TERMINAL}
    return inherited | ports | {"DATA_DIR": str(data_dir)}


@contextmanager
def running_stack(environment: Mapping[str, str]) -> Iterator[RunningStack]:
    """Start a stack, yield it once it is ready, and make sure that it has ended afterwards."""
    errors = Path(environment["DATA_DIR"], "errors.txt")
    with (
        errors.open("w") as output,
        subprocess.Popen(
            [sys.executable, "-m", "devstack", "start"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        ) as process,
    ):
        try:
            yield RunningStack(process, environment, _wait_until_ready(process), errors)
        finally:
            process.terminate()
            process.communicate(timeout=60)


def _wait_until_ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if ready := _READY.match(line):
            return ready[1]
    raise AssertionError(f"the stack ended before it was ready, with exit code {process.wait()}")
