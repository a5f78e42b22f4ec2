"""Fuzzes the app for long: `make fuzz`, or `python -m tests.openapi.fuzz [requests] [seconds]`."""

import random
import sys
import tempfile
from pathlib import Path

from devstack.azurite import start
from tests import senders
from tests.live import RunningApp
from tests.openapi.conformance import examine

REQUESTS, SECONDS = 250_000, 3600


def main(requests: int = REQUESTS, seconds: int = SECONDS) -> int:
    """Run until so many requests were sent, or so many seconds have passed; print what was found."""
    seed = random.SystemRandom().getrandbits(32)
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as folder,
        start(Path(folder)) as azurite,
        RunningApp.start(azurite, **senders.settings()) as app,
    ):
        findings = examine(
            app.url,
            max_requests=requests,
            max_seconds=seconds,
            seed=seed,
            workers=2,
            generation={"max-examples": 100},
            phases={"stateful": {"max-steps": 12}},
        )
        unforeseen = [line for line in app.lines if "Traceback" in line]
    sys.stdout.write(f"seed {seed}: {findings.report()}\n{len(unforeseen)} stack traces in the log\n")
    return 1 if findings.failures or unforeseen else 0


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:3])))
