"""Run a module that ends with the process that started it: `python -m devstack.leash MODULE [ARGUMENT]...`.

Standard input is a pipe that only the starter holds: when it ends, so does the module, as if by SIGTERM. Thus
nothing is left behind, even when the starter is killed.
"""

import os
import runpy
import signal
import sys
import threading


def _end_with_stdin() -> None:
    # Not through sys.stdin: a thread that holds its lock would stop the interpreter from ending.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
