"""Measurements that need a process of their own, and what they tell."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from devstack.child import ROOT

_WITHIN = 1800.0


def ask(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Any:
    """Run a module of this project, and return what it tells as JSON in its last line.

    Args:
        module: Its name.
        arguments: What it is given.
        environment: What is to be in its environment beside what is in ours.

    Raises:
        RuntimeError: If it fails; the message has its last words.
    """
    answer = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=_WITHIN,
        check=False,
    )
    if answer.returncode != 0:
        raise RuntimeError(f"{module} failed:\n{answer.stderr[-2000:]}")
    return json.loads(answer.stdout.splitlines()[-1])
