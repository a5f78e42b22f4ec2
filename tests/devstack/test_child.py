"""Programs that the stack starts."""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from devstack.child import ROOT, Child
from devstack.failure import StackError
from tests.devstack.processes import is_alive, wait_until_gone


def test_a_child_that_ends_by_itself_is_reported_with_its_last_words(tmp_path: Path) -> None:
    """Which one it was, how it ended, and what it wrote last."""
    with Child.start("The app", "devhost", str(tmp_path), environment={}, log=tmp_path / "log") as child:
        child.process.wait(30)
        with pytest.raises(StackError) as caught:
            child.check()
    first, *rest = str(caught.value).splitlines()
    assert first == "The app ended unexpectedly, with exit code 1."
    assert "host.json is missing" in rest[-1]


def test_a_child_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    """Waiting has a bound."""
    with (
        Child.start("The app", "http.server", "0", environment={}, log=tmp_path / "log") as child,
        pytest.raises(StackError, match="The app was not ready within 0 seconds"),
    ):
        child.wait_until(lambda: False, time.sleep, 0.2)
    assert not is_alive(child.process.pid)


def test_a_child_ends_when_its_starter_is_killed() -> None:
    """Even though a killed program cannot end anything itself."""
    program = """
        import time
        from devstack.child import Child
        child = Child.start("The app", "http.server", "0", environment={})
        print(child.process.pid, flush=True)
        time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        child = int(starter.stdout.readline())
        assert is_alive(child)
        starter.send_signal(signal.SIGKILL)
        wait_until_gone([child])
