"""Runs histories from the command line, one seed after the other.

python -m tests.simulation [seeds] [seconds]    so many seeds, or as many as there is time for
python -m tests.simulation --seed 7             one seed, with its trace if something is wrong
"""

import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.simulation.simulation import CHANGES, RECOVERY_WITH_NET, History, simulate

_SEEDS = 200
_FIRST = 1
_TOLD_EVERY = 500


def main(arguments: Sequence[str]) -> int:
    """Run the seeds that the arguments name, and return 1 if something is wrong with one of them."""
    logging.disable(logging.CRITICAL)
    if arguments[:1] == ["--seed"]:
        history = simulate(int(arguments[1]))
        sys.stdout.write(f"{history.told}\n{history.digest}\n")
        return bool(history.problems)
    seeds = int(arguments[0]) if arguments else _SEEDS
    end = time.monotonic() + (float(arguments[1]) if len(arguments) > 1 else float("inf"))
    total = _Total()
    for seed in range(_FIRST, _FIRST + seeds):
        if time.monotonic() >= end:
            break
        total.add(simulate(seed))
        if total.seeds % _TOLD_EVERY == 0:
            sys.stdout.write(f"{total}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{total}\n")
    return bool(total.failed)


class _Total:
    def __init__(self) -> None:
        self.seeds = 0
        self.failed = 0
        self._counts: Counter[str] = Counter()
        self._rest = self._recovery = 0.0
        self._began = time.monotonic()

    def add(self, history: History) -> None:
        self.seeds += 1
        self._counts += Counter(history.counts)
        self._rest = max(self._rest, history.seconds_to_rest)
        self._recovery = max(self._recovery, history.seconds_to_recover)
        if history.problems:
            self.failed += 1
            sys.stdout.write(f"{history.told}\n")

    def __str__(self) -> str:
        faults = sum(count for name, count in self._counts.items() if name.startswith("fault"))
        return (
            f"{self.seeds} seeds, {self.failed} fail; {self._counts['requests']} requests, "
            f"{self._counts['calls']} calls, {faults} faults, {self._counts['deaths']} dead visits; "
            f"after the last fault, operations end within {self._recovery:.0f} simulated seconds where the net is "
            f"({RECOVERY_WITH_NET:.0f} are allowed, and {CHANGES} changes of the cloud), "
            f"and all is at rest after {self._rest:.0f}; "
            f"{time.monotonic() - self._began:.0f} s"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
