"""The one table that all measurements end in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure is to be: at most, or at least, so much."""

    limit: float
    unit: str = "x"
    at_least: bool = False

    def is_met(self, figure: float) -> bool:
        """Tell whether a figure, as precise as it is shown, reaches the goal."""
        shown = round(figure, 2)
        return shown >= self.limit if self.at_least else shown <= self.limit

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}{_suffix(self.unit)}"


@dataclass(frozen=True, slots=True)
class Line:
    """One measurement: a figure, and what it was made from. Without a goal it is there to be read."""

    what: str
    floor: str
    ours: str
    figure: float
    goal: Goal | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """Return what is shown, column by column."""
        unit = self.goal.unit if self.goal else "x"
        figure = f"{self.figure:.2f}".rstrip("0").rstrip(".") if unit != "x" else f"{self.figure:.2f}"
        met = "" if self.goal is None else "yes" if self.goal.is_met(self.figure) else "**no**"
        return self.what, self.floor, self.ours, figure + _suffix(unit), str(self.goal or ""), met


HEAD = ("what", "floor or peer", "ours", "figure", "goal", "met")


def render(lines: Iterable[Line]) -> str:
    """Return the table of all measurements."""
    return as_markdown([HEAD, *(line.cells for line in lines)])


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, the head first, as Markdown that can be read as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    texts = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    texts.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {text} |" for text in texts)


def milliseconds(seconds: float) -> str:
    """Return a time as it is shown."""
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds * 1000:.0f} ms"


def _suffix(unit: str) -> str:
    return unit if unit == "x" else f" {unit}"
