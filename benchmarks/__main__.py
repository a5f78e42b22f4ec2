"""Measure on storage of our own and print one table: `python -m benchmarks [--quick]`."""

import argparse

from benchmarks import cold, memory, own, trips, validation, whole
from benchmarks.emulator import running_storage
from benchmarks.table import render


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="with fewer repetitions, and without building the package")
    quick = parser.parse_args().quick
    rounds = 5 if quick else 15
    with running_storage() as storage:
        lines = [
            *cold.measure(storage, rounds),
            *cold.measure_package(storage, rounds, with_packages=not quick),
            *trips.measure(storage),
            *own.measure(storage.connection_string(), 3 if quick else 9),
            *whole.measure(storage.connection_string(), 3 if quick else 9),
            *validation.measure(9 if quick else 25),
            *memory.measure(storage.connection_string(), *((300, 1000) if quick else (1000, 100_000))),
        ]
    print(render(lines))


if __name__ == "__main__":
    main()
