"""The one error of this package that is shown to the user without a traceback."""

from __future__ import annotations


class RefusedError(Exception):
    """The app or its settings cannot be run as they are.

    Args:
        problems: One line per thing to put right.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
