"""The memory of a process that answers requests, over one that has imported azure.functions alone."""

from benchmarks.emulator import environment_of
from benchmarks.process import ask
from benchmarks.table import Goal, Line

_MEBIBYTE = 2**20


def measure(connection_string: str, fewer: int, more: int) -> list[Line]:
    """Measure in a process of its own; of fifty requests one changes a registry, and four ask for what was never there.

    Args:
        connection_string: Where the app keeps its data.
        fewer: After how many requests to look first.
        more: After how many to look again.
    """
    given = environment_of(connection_string)
    found = ask("benchmarks.resident", str(fewer), str(more), environment=given)
    bare, begun, grown = (size / _MEBIBYTE for size in found)
    alone = f"azure.functions {bare:.1f} MB"
    return [
        Line(f"memory after {fewer} requests", alone, f"{begun:.1f} MB", begun - bare, Goal(25, "MB more")),
        Line(f"memory after {more} requests", f"{begun:.1f} MB", f"{grown:.1f} MB", grown - begun, Goal(1, "MB more")),
    ]
