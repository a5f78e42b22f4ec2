"""The view of an operation."""

import io
from typing import Any

from rich.console import Console

from devstack.progress import progress_view


def operation(percent: int, **states: str | None) -> dict[str, Any]:
    """Return an operation as the API tells it."""
    steps = [
        {"location": region, "state": state, "message": "it is down" if state == "Failed" else None}
        for region, state in states.items()
    ]
    status = "Succeeded" if percent == 100 else "Running"
    return {"kind": "Create", "status": status, "percent_complete": percent, "steps": steps}


def shown(*operations: dict[str, Any], terminal: bool) -> list[str]:
    """Return the lines that a view of these operations, one after the other, leaves behind."""
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=100, color_system=None, legacy_windows=False)
    with progress_view(console) as show:
        for item in operations:
            show(item)
    return output.getvalue().splitlines()


def test_without_a_terminal_every_change_of_a_region_is_one_plain_line() -> None:
    """What does not change is not repeated, and no control character is written."""
    lines = shown(
        operation(0, eastus="Pending", westus="Pending"),
        operation(0, eastus="Pending", westus="Pending"),
        operation(50, eastus="Ready", westus="Failed"),
        operation(100, eastus="Ready", westus=None),
        terminal=False,
    )
    assert [line.split() for line in lines] == [
        ["0", "%", "eastus", "Pending"],
        ["0", "%", "westus", "Pending"],
        ["50", "%", "eastus", "Ready"],
        ["50", "%", "westus", "Failed", "it", "is", "down"],
        ["100", "%", "westus", "Gone"],
    ]
    assert all(line.isprintable() for line in lines)


def test_on_a_terminal_every_region_keeps_its_line() -> None:
    """The last picture stays, with the newest state of every region."""
    lines = shown(
        operation(0, eastus="Pending", westus="Pending"),
        operation(100, eastus="Ready", westus="Ready"),
        terminal=True,
    )
    assert [line.split() for line in lines[-3:-1]] == [["eastus", "Ready"], ["westus", "Ready"]]
    assert "Create Succeeded, 100 %" in "\n".join(lines)
