"""Kills workers and breaks storage for long: `make chaos`, or `python -m tests.chaos [kills] [seconds] [seed]`."""

import asyncio
import random
import signal
import sys

from tests.chaos.run import Plan, Report, run


def main(kills: int = Plan.kills, seconds: int = int(Plan.seconds), seed: int | None = None) -> int:
    """Run until so many workers were killed; print what was found, and return 1 if that is wrong, or too little."""
    if seed is None:
        seed = random.SystemRandom().getrandbits(32)
    sys.stdout.write(f"seed {seed}\n")
    sys.stdout.flush()
    report = asyncio.run(_run(Plan(kills=kills, seconds=seconds), seed))
    sys.stdout.write(f"{report}\n")
    if is_short := report.kills.total < kills:
        sys.stdout.write(
            f"only {report.kills.total} of {kills} kills in {report.seconds:.0f} s: this proves too little\n"
        )
    return 1 if report.violations or is_short else 0


async def _run(plan: Plan, seed: int) -> Report:
    """Run as planned; SIGTERM ends it in good order, as Ctrl-C does."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run(plan, seed)


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:4])))
