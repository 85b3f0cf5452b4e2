"""One notebook's run, inside its room: `session.py NOTEBOOK OUTPUT REPORT SECONDS`.

A script of its own, run by the layer's Python. It imports the standard library, psutil, and what is copied beside it.
REPORT is a file descriptor that takes lines of JSON, SECONDS the time limit; the exit status is 0 if every cell ran.
"""

import json
import os
import signal
import sys
import threading
import time
from typing import Any, NoReturn

# In the environment of all processes of a run that has no namespaces of its own.
MARK = "KERNELGEN_RUN"


def end_marked(mark: str) -> None:
    """Kills every process but this one that belongs to the run ``mark``: by its environment, or as a child of such."""
    import psutil  # type: ignore[import-untyped]  # it ships no types

    def environment(process: Any) -> Any:
        try:
            return process.environ()
        except psutil.Error:  # it is gone, or another user's
            return {}

    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        marked = [process for process in psutil.process_iter() if environment(process).get(MARK) == mark]
        family = {*marked, *(child for process in marked for child in process.children(recursive=True))}
        alive = 0
        for process in family - {psutil.Process()}:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                alive += 1
                process.kill()
        if not alive:
            return
        time.sleep(0.01)


def end(status: int) -> NoReturn:
    """Leaves at once, and where the run has no namespaces of its own, lets nothing of it live on."""
    sys.stdout.flush()
    if MARK in os.environ:
        end_marked(os.environ[MARK])
    os._exit(status)


def main() -> None:
    source, output, report = sys.argv[1], sys.argv[2], int(sys.argv[3])
    os.dup2(1, 2)
    signal.setitimer(signal.ITIMER_REAL, float(sys.argv[4]))

    def end_with_the_command() -> None:
        sys.stdin.read()  # it is never written to; it ends when the command closes it, or is gone
        end(1)

    def tell(**what: Any) -> None:
        os.write(report, (json.dumps(what) + "\n").encode())

    tell(started=True)
    threading.Thread(target=end_with_the_command, daemon=True).start()
    try:
        from papermill_engine import run  # type: ignore[import-not-found]  # it lies beside the copy

        end(0 if run(source, output, tell, end) else 1)
    except Exception as error:
        tell(papermill=f"{type(error).__name__}: {error}")
        end(1)


if __name__ == "__main__":
    main()
