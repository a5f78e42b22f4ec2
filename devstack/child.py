"""A Python program that is started here and ends with us, whatever happens."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from devstack.failure import StackError

ROOT = Path(__file__).parents[1]

_STOPPED_WITHIN = 30.0  # devhost lets running functions finish for up to 23
_POLL_SECONDS = 0.1
_LOG_TAIL = 20


@dataclass(frozen=True, slots=True)
class Child:
    """A program that was started here. As a context manager it is stopped at the end.

    It has a process group of its own, so that Ctrl-C in the terminal reaches its starter alone.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path | None

    @classmethod
    def start(
        cls,
        name: str,
        *command: str,
        environment: Mapping[str, str],
        log: Path | None = None,
        listener: Callable[[bytes], None] | None = None,
    ) -> Self:
        """Start a module of this project.

        Args:
            name: What to call it in messages.
            command: The module and its arguments.
            environment: What is added to our own environment.
            log: The file that its output replaces; None lets it write to the terminal.
            listener: Told every line of standard output, once that is written to the terminal.
        """
        with log.open("wb") if log else contextlib.nullcontext() as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "devstack.leash", *command],
                cwd=ROOT,
                env=os.environ | dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if listener else output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
            )
        if listener is not None:
            threading.Thread(target=_relay, args=(process, listener), daemon=True).start()
        return cls(name, process, log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def check(self) -> None:
        """Look whether it is still there.

        Raises:
            StackError: If it is not; the message has its last words.
        """
        status = self.process.poll()
        if status is None:
            return
        how = f"by signal {-status}" if status < 0 else f"with exit code {status}"
        lines = [f"{self.name} ended unexpectedly, {how}."]
        if self.log is not None:
            lines += ["Its last words:", *self.log.read_text("utf-8", errors="replace").splitlines()[-_LOG_TAIL:]]
        raise StackError("\n".join(lines))

    def wait_until(self, ready: Callable[[], bool], pause: Callable[[float], None], seconds: float) -> None:
        """Wait until something is true.

        Args:
            ready: What is to be true.
            pause: How to wait for some seconds.
            seconds: How long to wait at most.

        Raises:
            StackError: If it is not true in time, or the program ended.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise StackError(f"{self.name} was not ready within {seconds:.0f} seconds.")
            pause(_POLL_SECONDS)

    def stop(self) -> None:
        """End it, at first politely, with everything that it started."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_STOPPED_WITHIN)
        # Whoever is left of its process group has had the time to end. (macOS: EPERM when only zombies are left.)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


def _relay(process: subprocess.Popen[bytes], listener: Callable[[bytes], None]) -> None:
    with process.stdout or contextlib.nullcontext(()) as lines:
        for line in lines:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            listener(line)
