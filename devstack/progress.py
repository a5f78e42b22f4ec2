"""A view of an operation: one line per region, kept up to date on a terminal, one line per change elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

View = Callable[[Mapping[str, Any]], None]

TERMINAL = frozenset({"Succeeded", "Failed", "Canceled"})

_GONE = "Gone"
_INDENT = "       "
_COLOURS = {"Ready": "green", _GONE: "green", "Failed": "red"}


@contextmanager
def progress_view(console: Console) -> Iterator[View]:
    """Yield what shows an operation, as the API tells it, each time that it is called."""
    if not console.is_terminal:
        yield _plain_view(console)
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda operation: live.update(_table(operation), refresh=True)


def _plain_view(console: Console) -> View:
    seen: dict[str, tuple[str, str]] = {}

    def show(operation: Mapping[str, Any]) -> None:
        percent = f"{operation['percent_complete']:3} %"
        for region, state, message in _regions(operation):
            if seen.get(region) != (state, message):
                seen[region] = (state, message)
                line = f"{_INDENT}{percent}  {region:20} {state:12} {message}"
                console.print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)

    return show


def _table(operation: Mapping[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.title = f"{operation['kind']} {operation['status']}, {operation['percent_complete']} %"
    table.title_justify = "left"
    for region, state, message in _regions(operation):
        table.add_row(f"{_INDENT}{region}", Text(state, _COLOURS.get(state, "yellow")), Text(message))
    return table


def _regions(operation: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield each region's name, state and message."""
    for step in operation["steps"]:
        yield step["location"], step["state"] or _GONE, step["message"] or ""
