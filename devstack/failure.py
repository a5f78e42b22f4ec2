"""The one error of this package that is shown to the user without a traceback."""


class StackError(Exception):
    """The stack cannot be started, or cannot go on; the message says what to do."""
