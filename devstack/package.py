"""Build the zip that is deployed: the app, what it imports, and nothing else; the same bytes for the same input.

It holds compiled files that are never checked against their sources, for a file system without trustworthy times, so
that a cold start compiles nothing. They fit one version of Python only: the one that runs this.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from devstack.child import ROOT
from devstack.failure import StackError

APP = ("function_app.py", "host.json", "registry_api")
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
PACKAGES = ".python_packages/lib/site-packages"  # where the Functions host looks

_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
_LEFT_OUT = {"__pycache__", "bin", "tests", ".installed"}
_COMPILE = (
    "import compileall, py_compile, sys;"
    "mode = py_compile.PycInvalidationMode.UNCHECKED_HASH;"
    "sys.exit(not compileall.compile_dir('.', quiet=1, workers=1, invalidation_mode=mode, stripdir='.'))"
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can tell
_FILE_MODE = 0o644 << 16


def build_package(target: Path, *, with_packages: bool = True) -> None:
    """Build the zip.

    Args:
        target: Where it is put, in the place of an older one.
        with_packages: Whether it has what the app imports, or only the app.

    Raises:
        StackError: If something could not be installed or compiled.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for entry in APP:
            _copy(ROOT / entry, folder / entry)
        if with_packages:
            _install(folder / PACKAGES)
        _run("compiled", sys.executable, "-c", _COMPILE, folder=folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(folder, target)


def run_package(target: Path) -> None:
    """Build the zip and say what came out.

    Raises:
        StackError: If it could not be built.
    """
    build_package(target)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    with zipfile.ZipFile(target) as package:
        unpacked = sum(entry.file_size for entry in package.infolist())
        count = len(package.infolist())
    megabytes = target.stat().st_size / 1e6
    print(f"{target}: {megabytes:.1f} MB, {count} files, {unpacked / 1e6:.1f} MB unpacked, for Python {VERSION}")
    print(f"sha256 {digest}")


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        shutil.copyfile(source, target)
    else:
        shutil.copytree(source, target, ignore=lambda _, names: _LEFT_OUT & {*names})


def _install(folder: Path) -> None:
    """Install what the app imports, as built for Azure, whatever this machine is."""
    platforms = [option for platform in _PLATFORMS for option in ("--platform", platform)]
    _run(
        "installed",
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
        *("--require-hashes", "--only-binary=:all:", "--python-version", VERSION, "--implementation", "cp"),
        *(*platforms, "--target", str(folder), "--requirement", str(ROOT / "requirements.txt")),
        folder=ROOT,
    )
    for left in [path for path in folder.rglob("*") if path.name in _LEFT_OUT and path.is_dir()]:
        shutil.rmtree(left, ignore_errors=True)
    for record in folder.glob("*.dist-info/RECORD"):
        record.unlink()  # it tells of what was left out


def _run(what: str, *command: str, folder: Path) -> None:
    # Sets and the counting of references must not decide which bytes come out.
    environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    if subprocess.run(command, cwd=folder, env=environment, check=False).returncode != 0:
        raise StackError(f"The package could not be {what}.")


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _write(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
        for path in _files(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.external_attr, entry.compress_type = _FILE_MODE, zipfile.ZIP_DEFLATED
            package.writestr(entry, path.read_bytes())
