"""What the demo expects, and whether it came true: one line for each."""

from rich.console import Console
from rich.text import Text


class CannotGoOn(Exception):  # noqa: N818 - what went wrong has been printed
    """Something is missing that everything after it needs."""


class Checks:
    """Prints every expectation and counts those that did not come true."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.passed = 0
        self.failed = 0

    def equal(self, what: str, expected: object, actual: object) -> bool:
        """Expect a value, and tell whether it is the one."""
        if actual == expected:
            self.passed += 1
            line = Text.assemble(("ok", "green"), f"     {what}: {expected}")
        else:
            self.failed += 1
            line = Text.assemble(("FAILED", "bold red"), f" {what}: expected {expected}, but it is {actual}")
        self._console.print(line, soft_wrap=True)
        return actual == expected

    def require(self, what: str, expected: object, actual: object) -> None:
        """Expect a value that everything after it builds on.

        Raises:
            CannotGoOn: If it is another one.
        """
        if not self.equal(what, expected, actual):
            raise CannotGoOn
