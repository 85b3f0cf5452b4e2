"""One notebook's run, inside its room: `session.py NOTEBOOK OUTPUT REPORT DEADLINE`.

A script of its own, run by the layer's Python: papermill, as Kaggle runs it. REPORT is a file descriptor that takes
lines of JSON, DEADLINE the end by the machine's monotonic clock; the exit status is 0 if every cell ran.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from typing import Any, NoReturn

from ipykernel.kernelspec import install
from leftovers import MARK, end_marked  # type: ignore[import-not-found]  # it lies beside the copy
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook

HEADING = re.compile(r"^#{1,2} +(.+?) *#*$", re.MULTILINE)
# Starting a kernel takes a second; on a machine that is busy with other things it may take many.
PATIENCE_SECONDS = 300


class Screen:
    """Where the kernel's output goes, with a line for each heading that the run comes to.

    Cells whose input is folded away (the library's) show nothing. But on a terminal, of a line that is rewritten (a
    progress bar) only the last state is shown.
    """

    def __init__(self) -> None:
        self.muted, self.rest, self.began = False, "", time.monotonic()

    def start(self, cells: list[NotebookNode], index: int) -> None:
        """Tells the screen that a cell starts."""
        self.end_line()
        self.muted = bool(cells[index].metadata.get("jupyter", {}).get("source_hidden"))
        above = cells[index - 1].source if index and cells[index - 1].cell_type == "markdown" else ""
        if heading := HEADING.search(above):
            minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
            print(f"[{minutes:02}:{seconds:02}] cell {index + 1} of {len(cells)}: {heading[1]}", flush=True)

    def write(self, text: str) -> None:
        if self.muted:
            return
        if not sys.stdout.isatty():
            *lines, self.rest = (self.rest + text).split("\n")
            text = "".join(line.rstrip("\r").rpartition("\r")[2] + "\n" for line in lines)
            self.rest = self.rest[max(self.rest[:-1].rfind("\r"), 0) :]
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()

    def end_line(self) -> None:
        if self.rest:
            self.write("\n")


class Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill has no types
    """papermill's own client, which also shows bars that are written anew in their place."""

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> Any:
        if msg["msg_type"] == "update_display_data":
            self.stdout_file.write(msg["content"]["data"].get("text/plain", "") + "\n")
        return super().process_message(msg, cell, cell_index)


class Engine(NBClientEngine):  # type: ignore[misc]
    """papermill's own engine, whose hooks report which cell starts and how a kernel died."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **_: Any) -> None:
        screen = Screen()
        kernel: Any = None

        def start(cell: NotebookNode, cell_index: int) -> None:
            nonlocal kernel
            kernel = client.km.provisioner.process
            tell(cell=cell_index)
            screen.start(nb_man.nb.cells, cell_index)

        def stop(*_: Any) -> None:
            # The limit has come: what has been reached so far is kept, the rest ends with this process.
            try:
                tell(timed_out=True)
                nb_man.save()
            finally:
                end(1)

        signal.signal(signal.SIGALRM, stop)
        client = Client(
            nb_man,
            kernel_name=kernel_name,
            timeout=None,
            startup_timeout=PATIENCE_SECONDS,
            iopub_timeout=PATIENCE_SECONDS,
            stdout_file=screen,
            stderr_file=screen,
            on_cell_execute=start,
        )
        try:
            client.execute()
        except DeadKernelError:
            status = kernel.poll() if kernel else None
            tell(died="" if status is None else status)
            raise
        finally:
            screen.end_line()


def tell(**what: Any) -> None:
    os.write(int(sys.argv[3]), (json.dumps(what) + "\n").encode())


def end(status: int) -> NoReturn:
    """Leaves at once, and where the run has no namespaces of its own, lets nothing of it live on."""
    sys.stdout.flush()
    if MARK in os.environ:
        end_marked(os.environ[MARK])
    os._exit(status)


def end_with_the_command() -> None:
    sys.stdin.read()  # it is never written to; it ends when the command closes it, or is gone
    end(1)


def main() -> None:
    source, output = sys.argv[1:3]
    os.dup2(1, 2)
    signal.setitimer(signal.ITIMER_REAL, max(float(sys.argv[4]) - time.monotonic(), 0.1))
    tell(started=True)
    threading.Thread(target=end_with_the_command, daemon=True).start()
    # Into the layer, where it comes before any kernel of the system's.
    install(prefix=sys.prefix)  # type: ignore[no-untyped-call]
    papermill_engines.register("run", Engine)
    options = {"engine_name": "run", "kernel_name": "python3", "progress_bar": False, "cwd": os.path.dirname(output)}
    try:
        execute_notebook(source, output, **options)
    except (PapermillExecutionError, DeadKernelError):
        end(1)
    except Exception as error:
        tell(papermill=f"{type(error).__name__}: {error}")
        end(1)
    end(0)


if __name__ == "__main__":
    main()
