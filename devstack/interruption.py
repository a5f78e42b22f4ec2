"""Ctrl-C and SIGTERM, as something that is noticed between two steps and never in the middle of one."""

import signal
import time
from types import FrameType

_SLICE_SECONDS = 0.1


class Interrupted(Exception):  # noqa: N818 - a wish, not a fault of the program
    """Somebody asked the program to end."""


class Interruption:
    """Remembers that the program was asked to end.

    A signal handler that raises could do so between the start of a child and the note of its id.
    """

    def __init__(self) -> None:
        self._requested = False

    def catch(self) -> None:
        """Take over the signals that ask a program to end."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            Interrupted: If the program was asked to end, at once.
        """
        deadline = time.monotonic() + seconds
        while True:
            if self._requested:
                raise Interrupted
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return
            time.sleep(min(_SLICE_SECONDS, remaining))

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._requested = True
