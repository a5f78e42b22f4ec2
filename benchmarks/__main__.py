"""Run all benchmarks on a stack of their own and print their tables: `python -m benchmarks`."""

import tempfile
from pathlib import Path

from benchmarks import latency, provisioning
from benchmarks.stack import running_stack

_MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - only the parent of a folder with a name of its own


def main() -> None:
    """Measure and print."""
    parent = _MEMORY_DISK if _MEMORY_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as folder, running_stack(Path(folder)) as stack:
        print(provisioning.report(stack), end="\n\n", flush=True)
        print(latency.report(stack))  # leaves work behind, so it comes last


if __name__ == "__main__":
    main()
