"""From a fresh process to its first work, beside the import of `azure.functions` alone; and as it is deployed."""

import compileall
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from shutil import copytree
from time import perf_counter
from uuid import uuid4

from benchmarks import first
from benchmarks.emulator import environment_of, memory_folder
from benchmarks.sampling import in_turn
from benchmarks.table import Goal, Line, milliseconds
from devstack.azurite import Azurite
from devstack.child import ROOT
from devstack.package import PACKAGES, build_package

PATH = str(ROOT)


@dataclass(frozen=True, slots=True)
class First:
    """How a process is started, and with which settings."""

    python: str
    path: str
    settings: Mapping[str, str]

    def modules(self, what: str, name: str = "") -> int:
        """Start a process, and return how many modules it has when it has done what it is asked for.

        Raises:
            RuntimeError: If it could not do it.
        """
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": self.path, **self.settings}
        command = [self.python, str(Path(first.__file__)), what, name]
        with subprocess.Popen(
            command, env=environment, cwd=Path(first.__file__).parent, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            said = process.stdout.readline() if process.stdout else b""
            process.kill()
        if not said:
            raise RuntimeError(f"A fresh process could not do '{what}'.")
        return int(said)

    def cpu(self, what: str, name: str = "") -> float:
        """Return the seconds of CPU of a fresh process: what it waits for others does not count, and its end hardly."""
        before = getrusage(RUSAGE_CHILDREN)
        self.modules(what, name)
        after = getrusage(RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def seconds(self, what: str, *, is_new: bool = False, name: str = "") -> float:
        """Return how long a fresh process takes; its end does not count."""
        given = uuid4().hex[:20] if is_new else name
        began = perf_counter()
        self.modules(what, given)
        return perf_counter() - began


def new_modules(connection_string: str) -> int:
    """Return how many modules indexing the app imports beside those of `azure.functions`."""
    process = First(sys.executable, PATH, environment_of(connection_string))
    return process.modules("index") - process.modules("nothing")


def measure(storage: Azurite, rounds: int) -> list[Line]:
    """Measure the app as it lies here."""
    settings = environment_of(storage.connection_string())
    process = First(sys.executable, PATH, settings)
    known = "known-registry"
    process.modules("put", known)
    floor, index, get, put = in_turn(
        [
            partial(process.seconds, "nothing"),
            partial(process.seconds, "index"),
            partial(process.seconds, "get", name=known),
            partial(process.seconds, "put", is_new=True),
        ],
        rounds,
    )
    modules = new_modules(storage.connection_string())
    alone = f"import azure.functions {milliseconds(floor)}"
    return [
        Line("fresh process to indexed app", alone, milliseconds(index), index / floor, Goal(1.15)),
        Line("new modules in it", "import azure.functions", f"{modules}", modules, Goal(40, "modules")),
        Line("fresh process to first GET", alone, milliseconds(get), get / floor, Goal(2.0)),
        Line("fresh process to first PUT", alone, milliseconds(put), put / floor, Goal(2.3)),
    ]


def measure_package(storage: Azurite, rounds: int, *, with_packages: bool) -> list[Line]:
    """Measure the zip that is deployed, unpacked where nothing is written, beside a copy with a warm cache.

    Args:
        storage: Where the app is to keep its data.
        rounds: How often.
        with_packages: Whether the zip has what the app imports; it takes a minute to be put there.
    """
    with memory_folder() as folder:
        build_package(folder / "app.zip", with_packages=with_packages)
        deployed, warm = folder / "deployed", folder / "warm"
        with zipfile.ZipFile(folder / "app.zip") as package:
            package.extractall(deployed)
        copytree(deployed, warm)
        for compiled in warm.rglob("*.pyc"):
            compiled.unlink()
        compileall.compile_dir(warm, quiet=2, workers=1)
        for path in [deployed, *deployed.rglob("*")]:
            path.chmod(path.stat().st_mode & ~0o222)
        python = str(Path(sys.base_prefix, "bin", "python3")) if with_packages else sys.executable
        settings = {**environment_of(storage.connection_string()), "PYTHONDONTWRITEBYTECODE": "1"}
        one, other = (First(python, f"{root}:{root / PACKAGES}", settings) for root in (deployed, warm))
        one.modules("put", "packed")
        ours, floor, ours_get, floor_get = in_turn(
            [
                partial(one.seconds, "index"),
                partial(other.seconds, "index"),
                partial(one.seconds, "get", name="packed"),
                partial(other.seconds, "get", name="packed"),
            ],
            rounds,
        )
        for path in [deployed, *deployed.rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)  # or it could not be removed
    what = "package on a read-only path" if with_packages else "package, the app alone, on a read-only path"
    return [
        Line(what, f"warm cache {milliseconds(floor)}", milliseconds(ours), ours / floor, Goal(1.05)),
        Line(
            f"{what}, to first GET",
            f"warm cache {milliseconds(floor_get)}",
            milliseconds(ours_get),
            ours_get / floor_get,
            Goal(1.05),
        ),
    ]
