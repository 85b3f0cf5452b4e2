"""One notebook's run, inside its room: `session.py NOTEBOOK OUTPUT REPORT`.

A script of its own, run by the layer's Python. It imports the standard library, and what is copied beside it.
REPORT is a file descriptor that takes lines of JSON; the exit status is 0 only if every cell ran.
"""

import json
import os
import signal
import sys
import threading
from typing import Any, NoReturn

from leftovers import MARK, end_marked  # type: ignore[import-not-found]  # it lies beside the copy


def obey() -> None:
    """Stops when the command says so on the standard input; ends everything when the command is gone."""
    if sys.stdin.readline():
        os.kill(os.getpid(), signal.SIGTERM)
        sys.stdin.readline()
    end(1)


def end(status: int) -> NoReturn:
    """Leaves at once, and where the run has no namespaces of its own, lets nothing of it live on."""
    sys.stdout.flush()
    if MARK in os.environ:
        end_marked(os.environ[MARK])
    os._exit(status)


def main() -> None:
    source, output, report = sys.argv[1], sys.argv[2], int(sys.argv[3])
    os.dup2(1, 2)

    def tell(**what: Any) -> None:
        os.write(report, (json.dumps(what) + "\n").encode())

    tell(started=True)
    threading.Thread(target=obey, daemon=True).start()
    try:
        from papermill_engine import run  # type: ignore[import-not-found]

        end(0 if run(source, output, report, end) else 1)
    except Exception as error:
        tell(papermill=f"{type(error).__name__}: {error}")
        end(1)


if __name__ == "__main__":
    main()
