"""The whole stack, as `make start` and `make demo` run it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from devstack.child import ROOT
from devstack.settings import HOST
from tests.devstack.processes import descendants, started_by, wait_until_gone
from tests.devstack.running import RunningStack, environment_for, running_stack


@pytest.fixture(scope="module")
def two_stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningStack, RunningStack]]:
    """Yield two stacks that run side by side."""
    environments = [environment_for(tmp_path_factory.mktemp(name)) for name in ("one", "two")]
    with ExitStack() as running, ThreadPoolExecutor() as starting:
        one, two = starting.map(lambda item: running.enter_context(running_stack(item)), environments)
        yield one, two


@pytest.fixture(scope="module")
def demo(two_stacks: tuple[RunningStack, RunningStack]) -> Iterator[subprocess.Popen[str]]:
    """Yield the demo on the first stack. It waits most of its time, so other tests run meanwhile."""
    with subprocess.Popen(
        [sys.executable, "-m", "devstack", "demo"],
        cwd=ROOT,
        env=two_stacks[0].environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        yield process
        process.terminate()


def create(stack: RunningStack, name: str) -> httpx.Response:
    """Create a registry as the first of the ready line's requests does."""
    document = (ROOT / "examples" / "registry.yml").read_bytes().replace(b"DemoRegistry1", name.encode())
    return httpx.put(
        f"{stack.url}/registries/{name}",
        content=document,
        headers={"content-type": "application/yaml"},
        trust_env=False,
    )


def read(stack: RunningStack, name: str) -> httpx.Response:
    """Read a registry."""
    return httpx.get(f"{stack.url}/registries/{name}", trust_env=False)


@pytest.mark.usefixtures("demo")
def test_two_stacks_do_not_see_each_other(two_stacks: tuple[RunningStack, RunningStack]) -> None:
    """Ports and folder are all that two stacks need to be told apart."""
    one, two = two_stacks
    assert create(one, "OnlyInOne").status_code == 201
    assert read(one, "OnlyInOne").status_code == 200
    assert read(two, "OnlyInOne").status_code == 404


def test_registries_survive_a_restart_that_leaves_no_process_behind(tmp_path: Path) -> None:
    """A stack that is told to end does so with exit code 0; the next one knows what this one knew."""
    environment = environment_for(tmp_path)
    with running_stack(environment) as stack:
        etag = create(stack, "Lasting").headers["etag"]
        end_and_expect_nothing_left(stack, signal.SIGTERM)
    with running_stack(environment) as stack:
        assert read(stack, "Lasting").headers.get("etag") == etag
        end_and_expect_nothing_left(stack, signal.SIGINT)


def end_and_expect_nothing_left(stack: RunningStack, number: signal.Signals) -> None:
    """End a stack by a signal."""
    children = descendants(stack.process.pid)
    assert len(children) == 4  # Azurite, the host, and its two workers
    stack.process.send_signal(number)
    assert stack.process.wait(60) == 0
    wait_until_gone(children)


@pytest.mark.parametrize(("backend", "prefix"), [("azure-stub", "mlr"), ("azureml-stub", None)])
def test_a_stack_that_is_killed_leaves_no_process_behind(tmp_path: Path, backend: str, prefix: str | None) -> None:
    """Its children notice that it is gone, the stand-in for Azure as well, in which one backend names groups itself."""
    with running_stack(environment_for(tmp_path) | {"BACKEND": backend}) as stack:
        group = create(stack, "OnAzure").json()["status"]["managed_resource_group"]
        assert (group and group[:3]) == prefix
        children = descendants(stack.process.pid)
        assert len(children) == 5
        stack.process.kill()
        wait_until_gone(children)


@pytest.mark.parametrize(("name", "has_workers"), [("The app", True), ("Azurite", False)])
def test_a_stack_that_loses_a_part_says_which_and_ends(tmp_path: Path, name: str, has_workers: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Half a stack would only puzzle whoever uses it."""
    with running_stack(environment_for(tmp_path)) as stack:
        children = descendants(stack.process.pid)
        (part,) = (pid for pid in started_by(stack.process.pid) if bool(descendants(pid)) is has_workers)
        os.kill(part, signal.SIGKILL)
        assert stack.process.wait(60) == 1
        assert f"{name} ended unexpectedly" in stack.errors.read_text()
        wait_until_gone(children)


def test_a_second_stack_in_the_same_folder_is_refused(two_stacks: tuple[RunningStack, RunningStack]) -> None:
    """Two Azurites on the same files would destroy them."""
    folder = Path(two_stacks[0].environment["DATA_DIR"])
    refused = start_in_vain(environment_for(folder))
    assert f"Another stack keeps its data in {folder}" in refused


def test_a_taken_port_is_told_before_anything_is_started(tmp_path: Path) -> None:
    """The message names the port and the variable to set."""
    environment = environment_for(tmp_path / "data")
    with socket.create_server((HOST, int(environment["AZURITE_QUEUE_PORT"]))):
        refused = start_in_vain(environment)
    assert f"Port {environment['AZURITE_QUEUE_PORT']} is in use" in refused
    assert "AZURITE_QUEUE_PORT" in refused
    assert not (tmp_path / "data").exists()


def start_in_vain(environment: dict[str, str]) -> str:
    """Start a stack that cannot be started, and return what it says."""
    result = subprocess.run(
        [sys.executable, "-m", "devstack", "start"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
    )
    assert result.returncode == 1
    assert result.stdout == ""
    return result.stderr


def test_storage_can_be_had_alone(tmp_path: Path) -> None:
    """For those who run the app by other means; it ends as the whole stack does."""
    environment = environment_for(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "devstack", "azurite"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert any("Azurite is ready" in line for line in process.stdout)
        socket.create_connection((HOST, int(environment["AZURITE_BLOB_PORT"]))).close()
        children = descendants(process.pid)
        process.terminate()
        assert process.wait(30) == 0
        wait_until_gone(children)


def test_the_demo_finds_everything_as_expected(demo: subprocess.Popen[str]) -> None:
    """From creation to deletion, on a stack that runs already; output that is no terminal stays plain."""
    output, _ = demo.communicate(timeout=100)
    assert demo.returncode == 0, output
    assert "checks passed, 0 failed." in output
    assert "FAILED" not in output
    assert "\x1b" not in output
