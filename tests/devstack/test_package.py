"""The zip that is deployed: what is in it, that it is the same every time, and that it runs."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from devstack.child import ROOT
from devstack.package import APP, build_package

UNCHECKED = 0b01  # PEP 552: the flags of a hash-based pyc that nobody compares with its source
MAGIC = 4


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a zip of the app alone; what it imports takes a minute to be put beside it."""
    target = tmp_path_factory.mktemp("package") / "app.zip"
    build_package(target, with_packages=False)
    return target


def test_it_has_the_app_and_nothing_else(package: Path) -> None:
    """No tests, no development tools, no settings of this machine; the assets of the API page are there."""
    with zipfile.ZipFile(package) as zipped:
        names = zipped.namelist()

    assert {name.partition("/")[0] for name in names} == {*APP, "__pycache__"}
    assert "registry_api/domain/regions.json" in names
    assert "registry_api/http/page/index.html" in names
    assert any(name.startswith("registry_api/http/assets/") for name in names)


def test_every_module_is_compiled_and_never_checked(package: Path) -> None:
    """Each source has its compiled file beside it, which is taken as it is, whatever the times of files are."""
    with zipfile.ZipFile(package) as zipped:
        names = zipped.namelist()
        flags = [zipped.read(name)[MAGIC] for name in names if name.endswith(".pyc")]

    assert len(flags) == len([name for name in names if name.endswith(".py")])
    assert set(flags) == {UNCHECKED}


def test_it_is_the_same_every_time(package: Path, tmp_path: Path) -> None:
    """The same sources give the same bytes."""
    again = tmp_path / "again.zip"
    build_package(again, with_packages=False)

    assert again.read_bytes() == package.read_bytes()


def test_what_is_in_it_can_be_loaded(package: Path, tmp_path: Path) -> None:
    """The app's functions are found when only what is in the zip, and what it imports, is there."""
    with zipfile.ZipFile(package) as zipped:
        zipped.extractall(tmp_path)
    program = (
        "import function_app, registry_api; print(registry_api.__file__);print(len(function_app.app.get_functions()))"
    )
    environment = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "PYTHONDONTWRITEBYTECODE": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    place, count = answer.stdout.split()

    assert Path(place).is_relative_to(tmp_path)
    assert int(count) > 10


def test_funcignore_leaves_the_same() -> None:
    """Tools that pack the folder by themselves take what we take, and the list of what is to be installed."""
    ignored = {line for line in (ROOT / ".funcignore").read_text("utf-8").splitlines() if not line.startswith("#")}
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - whichever git there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    top = {name.partition("/")[0] for name in tracked if not name.startswith(".")}

    assert top - ignored == {*APP, "requirements.txt"}
