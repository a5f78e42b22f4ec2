"""Command line: `python -m devstack start|azurite|demo|package`."""

import argparse
import os
import sys
from pathlib import Path

from devstack.failure import StackError
from devstack.interruption import Interrupted, Interruption
from devstack.package import VERSION, run_package
from devstack.settings import StackSettings
from devstack.stack import run_azurite, run_stack

_INTERRUPTED = 130  # as a shell reports it: a demo that was cut short has not shown everything


def main() -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="devstack",
        description=__doc__,
        epilog="From the environment: PORT, TLS, BACKEND, DATA_DIR, AZURITE_BLOB_PORT, AZURITE_QUEUE_PORT, "
        "AZURITE_TABLE_PORT.",
    )
    parser.add_argument("command", choices=["start", "azurite", "demo", "package"])
    command = parser.parse_args().command
    interruption = Interruption()
    interruption.catch()
    try:
        if command == "package":
            run_package(Path("dist") / f"registry-api-python{VERSION}.zip")
            return 0
        settings = StackSettings.read(os.environ)
        if command == "demo":
            from devstack.demo import run_demo  # noqa: PLC0415 - its packages cost `start` half of its own time

            return run_demo(settings, interruption)
        (run_stack if command == "start" else run_azurite)(settings, interruption)
    except Interrupted:
        return _INTERRUPTED if command == "demo" else 0
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
