"""Which processes there are, without help from packages."""

import subprocess
import time
from collections.abc import Collection
from pathlib import Path

_GONE_WITHIN = 20.0


def is_alive(pid: int) -> bool:
    """Tell whether a process is there and has not ended."""
    return _parents().get(pid) is not None


def started_by(pid: int) -> set[int]:
    """Return the processes that a process has started."""
    return {child for child, parent in _parents().items() if parent == pid}


def descendants(pid: int) -> set[int]:
    """Return the processes that a process has started, and those that they have started."""
    children = started_by(pid)
    return children.union(*(descendants(child) for child in children))


def wait_until_gone(pids: Collection[int]) -> None:
    """Wait until none of some processes is there; fail if that takes too long."""
    deadline = time.monotonic() + _GONE_WITHIN
    while remaining := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < deadline, f"still there: {remaining}"
        time.sleep(0.05)


def _parents() -> dict[int, int]:
    """Return the parent of every process that has not ended."""
    if Path("/proc/self/stat").exists():
        rows = _rows_of_proc()
    else:
        table = subprocess.run(["ps", "-axo", "pid=,ppid=,state="], capture_output=True, check=True, text=True)  # noqa: S607
        rows = [line.split() for line in table.stdout.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}


def _rows_of_proc() -> list[list[str]]:
    rows = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                text = (entry / "stat").read_text()
            except OSError:  # it has ended in the meantime
                continue
            state, parent = text.rpartition(")")[2].split()[:2]
            rows.append([entry.name, parent, state])
    return rows
