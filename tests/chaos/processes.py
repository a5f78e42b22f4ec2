"""The app's processes under the real host: started, killed without warning, started again."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self, TextIO

from tests.chaos.watch import Watch
from tests.chaos.weather import happens
from tests.live import ROOT

# As the real host: longer than any recovery may take, so the message of a worker that died is of no help.
QUEUE_LEASE = 600

_ENTRY = re.compile(r"\d\d:\d\d:\d\d (DEBUG|INFO|WARNING|ERROR|CRITICAL) +\S+ ")
_LAST_LINE = re.compile(r"([A-Za-z_][\w.]*)(: .*)?")
_VISITED = "Executed 'Functions.provision' "
_UNFORESEEN = ("nobody foresaw", "cannot be tended", "raised (Id=", "never retrieved", "Unclosed")
# What a function may end with while storage is away, or others are faster: the host brings the message again.
_FORESEEN = ("registry_api.service.ports.StorageUnavailable", "registry_api.service.ports.Conflict")
_GIVEN_UP = "has been moved from"
_FENCED = ("Lost the lease on", " is lost.")


class Lifeline:
    """A pipe that the app's processes watch: whatever becomes of this process, they end with it."""

    def __init__(self) -> None:
        self.fd, self._held_open = os.pipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._held_open)
        os.close(self.fd)


@dataclass
class Log:
    """What processes have written that means something."""

    output: TextIO
    unforeseen: Counter[str] = field(default_factory=Counter)
    retried: Counter[str] = field(default_factory=Counter)
    given_up: int = 0
    fenced: int = 0


@dataclass
class HostProcess:
    """One process of the host, in the place of one that was there before.

    Args:
        role: What it runs: `http` or `triggers`.
        environment: What is added to our own environment.
        lifeline: What it ends with.
        log: Where to note what it writes.
        listener: The socket that it serves on, if it does.
        watch: What is seen of its work from outside, if it works on the queue.
    """

    role: str
    environment: Mapping[str, str]
    lifeline: Lifeline
    log: Log
    listener: socket.socket | None = None
    watch: Watch | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _process: asyncio.subprocess.Process | None = None
    _reader: asyncio.Task[None] | None = None

    async def start(self, **environment: str) -> None:
        """Start it, and do not wait until it is ready."""
        passed = [self.lifeline.fd]
        arguments = [f"--only={self.role}", f"--lifeline-fd={self.lifeline.fd}", f"--queue-lease={QUEUE_LEASE}"]
        if self.listener is not None:
            passed.append(self.listener.fileno())
            arguments.append(f"--listen-fd={self.listener.fileno()}")
        self.ready.clear()
        if self.watch is not None:
            self.watch.begin()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "devhost", str(ROOT), *arguments),
            cwd=ROOT,
            env=os.environ | self.environment | environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            pass_fds=passed,
        )
        self._reader = asyncio.get_running_loop().create_task(self._read(self._process))

    async def kill(self) -> None:
        """End it by SIGKILL, and return when everything is read that it has written."""
        if self._process is None or self._reader is None:
            return
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        await self._reader
        self._process = self._reader = None

    async def freeze(self, thaw: asyncio.Event, seconds: float) -> None:
        """Stop it where it is, as an overloaded machine does, and let it go on after some time."""
        if self._process is None or not self.is_running:
            return
        self._process.send_signal(signal.SIGSTOP)
        try:
            await happens(thaw, seconds)
        finally:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGCONT)

    @property
    def is_running(self) -> bool:
        """Tell whether it has been started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            raise TypeError("Its output is a pipe.")
        telling: str | None = None
        last = ""
        async for raw in process.stdout:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            self.log.output.write(f"{self.role} {process.pid} {line}\n")
            if _ENTRY.match(line):
                self._note(telling, last)
                telling = line if any(word in line for word in _UNFORESEEN) else None
            if _VISITED in line and self.watch is not None:
                self.watch.ended()
            self.log.given_up += _GIVEN_UP in line
            self.log.fenced += any(word in line for word in _FENCED)
            if f"{self.role}: pid" in line:
                self.ready.set()
            last = line if _LAST_LINE.fullmatch(line) else last
        self._note(telling, last)

    def _note(self, telling: str | None, last: str) -> None:
        if telling is None:
            return
        if last.startswith(_FORESEEN):
            self.log.retried[last.partition(":")[0].rpartition(".")[2]] += 1
        else:
            self.log.unforeseen[f"{self.role}: {_ENTRY.sub('', telling).partition('(Id=')[0]}: {last}"] += 1
