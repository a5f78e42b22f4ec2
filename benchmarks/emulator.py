"""The storage that everything is measured on: Azurite in memory, and what the app has to know of it."""

import json
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
    """Yield an Azurite with nothing in it.

    Args:
        keeps_data: Whether it writes its data to a folder in memory, as is best unless a table is large.
    """
    with memory_folder() as folder, azurite.start(folder, keeps_data=keeps_data) as storage:
        yield storage


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
