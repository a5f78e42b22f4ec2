"""Measure on storage of our own and print one table: `python -m benchmarks [--quick] [--write PAGE]`."""

import argparse
from pathlib import Path

from benchmarks import cold, deployed, drain, growth, memory, own, pages, report, trips, validation, whole
from benchmarks.emulator import running_storage
from benchmarks.table import render


def main() -> None:
    """Measure and print, and write it down if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="with fewer repetitions, and without building the package")
    parser.add_argument(
        "--write", metavar="PAGE", type=Path, help="put the results into this page, between its markers"
    )
    given = parser.parse_args()
    quick = given.quick
    rounds, blocks = (5, 3) if quick else (15, 9)
    with running_storage() as storage:
        connection_string = storage.connection_string()
        counted = trips.count(storage)
        lines = [
            *cold.measure(storage, rounds),
            *deployed.measure(rounds),
            *cold.measure_package(storage, rounds, with_packages=not quick),
            *trips.lines(counted),
            *own.measure(connection_string, blocks),
            *whole.measure(connection_string, blocks),
            *validation.measure(9 if quick else 25),
            *memory.measure(connection_string, *((300, 1000) if quick else (1000, 100_000))),
        ]
    with running_storage(keeps_data=False) as storage:
        lines += pages.measure(
            storage.connection_string(), *(((500, 2000), 3) if quick else ((1000, 10_000, 100_000), 9))
        )
    with running_storage() as storage:
        lines += drain.measure(storage.connection_string(), *((60, 500, 2) if quick else (500, 10_000, 3)))
    table = render(lines)
    print(table)
    if given.write:
        command = "make bench-quick" if quick else "make bench"
        report.write(given.write, "results", f"{report.circumstances(command)}\n\n{table}")
        report.write(given.write, "growth", growth.render(counted))


if __name__ == "__main__":
    main()
