"""`--split`: HTTP and triggers in processes of their own, as in production, kept alive by a third.

A child that ends by itself is started again, as the platform does. A child notices the end of its supervisor,
even by SIGKILL, at the end of a pipe that only the supervisor holds open for writing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from devhost.host import DRAIN_SECONDS, Role

log = logging.getLogger("devhost")

SHORTEST_BACKOFF = 0.2
LONGEST_BACKOFF = 5.0
_STABLE_SECONDS = 10.0
_GRACE_SECONDS = 3.0


class StartError(Exception):
    """A child ended before it was ready for the first time; it has said why."""


@dataclass
class Supervisor:
    """Starts one process per role and starts it again when it ends.

    Args:
        arguments: The command-line arguments that all children share.
        listener: The bound socket, which outlives the child that serves on it.
        ready: Called once, when all children are ready.
    """

    arguments: Sequence[str]
    listener: socket.socket
    ready: Callable[[], None]

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT, then end all children.

        Raises:
            StartError: A child did not start.
        """
        lifeline, held_open = os.pipe()
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        started = [asyncio.Event() for _ in (Role.HTTP, Role.TRIGGERS)]
        children = [
            loop.create_task(self._keep_alive(role, lifeline, stopped, event))
            for role, event in zip((Role.HTTP, Role.TRIGGERS), started, strict=True)
        ]
        for child in children:  # one that does not start ends them all
            child.add_done_callback(lambda _: stopped.set())
        announcement = loop.create_task(self._announce(started))
        try:
            await asyncio.gather(*children)
        finally:
            announcement.cancel()
            os.close(held_open)
            os.close(lifeline)

    async def _announce(self, started: Sequence[asyncio.Event]) -> None:
        for event in started:
            await event.wait()
        self.ready()

    async def _keep_alive(self, role: Role, lifeline: int, stopped: asyncio.Event, started: asyncio.Event) -> None:
        backoff = SHORTEST_BACKOFF
        while not stopped.is_set():
            begun = time.monotonic()
            process = await self._start(role, lifeline, started)
            if await _ends_first(process, stopped):
                await _end(process)
                return
            if not started.is_set():
                raise StartError(f"{role} did not start (exit code {process.returncode})")
            backoff = SHORTEST_BACKOFF if time.monotonic() - begun > _STABLE_SECONDS else backoff
            log.warning(
                "%s (pid %d) ended with %s, starting it again in %.1f s",
                role,
                process.pid,
                process.returncode,
                backoff,
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), backoff)
            backoff = min(backoff * 2, LONGEST_BACKOFF)

    async def _start(self, role: Role, lifeline: int, started: asyncio.Event) -> asyncio.subprocess.Process:
        reader, writer = os.pipe()
        inherited = [lifeline, writer]
        arguments = [f"--only={role}", f"--lifeline-fd={lifeline}", f"--ready-fd={writer}"]
        if role is Role.HTTP:
            inherited.append(self.listener.fileno())
            arguments.append(f"--listen-fd={self.listener.fileno()}")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "devhost", *self.arguments, *arguments, pass_fds=inherited
        )
        os.close(writer)
        loop = asyncio.get_running_loop()

        def told() -> None:
            loop.remove_reader(reader)
            if os.read(reader, 1):  # nothing to read means that the child has ended
                started.set()
            os.close(reader)

        loop.add_reader(reader, told)
        return process


async def _ends_first(process: asyncio.subprocess.Process, stopped: asyncio.Event) -> bool:
    """Wait for the process or for the signal to stop and tell whether it was the signal."""
    ended = asyncio.ensure_future(process.wait())
    stopping = asyncio.ensure_future(stopped.wait())
    await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    ended.cancel()
    return stopped.is_set()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let a child finish what it is doing, but not for ever."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), DRAIN_SECONDS * 2 + _GRACE_SECONDS)
    except TimeoutError:
        log.warning("pid %d does not end, killing it", process.pid)
        process.kill()
        await process.wait()


def follow(lifeline: int) -> None:
    """End this process when the supervisor's end of the pipe is closed."""

    def watch() -> None:
        os.read(lifeline, 1)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
