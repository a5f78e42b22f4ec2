"""The storage that everything is measured on: Azurite in memory, and what the app has to know of it."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from benchmarks.first import KEY
from devstack import azurite
from devstack.azurite import Azurite

_MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - only the parent of a folder with a name of its own


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Yield an empty folder, in memory where there is such a disk."""
    parent = _MEMORY_DISK if _MEMORY_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as folder:
        yield Path(folder)


@contextmanager
def running_storage(*, keeps_data: bool = True) -> Iterator[Azurite]:
    """Yield an Azurite with nothing in it, on a processor that nothing else of ours uses meanwhile.

    Two processes that answer each other are else moved together and apart, and take half as long again at times.

    Args:
        keeps_data: Whether it writes its data to a folder in memory, as is best unless a table is large.
    """
    processors = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set[int]()
    its_own, others = ({max(processors)}, processors - {max(processors)}) if len(processors) > 1 else (None, None)
    with memory_folder() as folder:
        with _on(its_own):
            storage = azurite.start(folder, keeps_data=keeps_data)
        with storage, _on(others):
            yield storage


@contextmanager
def _on(processors: set[int] | None) -> Iterator[None]:
    """Let this process, and those that it starts meanwhile, run on some processors only; None leaves it as it is."""
    if processors is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def environment_of(connection_string: str) -> dict[str, str]:
    """Return the app's settings: a key for its storage, and one for a pipeline that may do everything."""
    pipeline = {
        "name": "bench",
        "tenant": str(UUID(int=1)),
        "object_id": str(UUID(int=2)),
        "roles": [{"role": "Owner", "scope": "/"}],
        "sha256": sha256(KEY.encode()).hexdigest(),
    }
    return {"AzureWebJobsStorage": connection_string, "REGISTRY_KEYS": json.dumps([pipeline]), "PYTHONHASHSEED": "0"}
