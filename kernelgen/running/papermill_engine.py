"""papermill, as Kaggle runs it, which also tells which cell starts and how a kernel died, and shows what it prints.

A module of the run's session, copied beside it. It imports papermill and the standard library.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook
from papermill.iorw import LocalHandler, papermill_io, write_ipynb
from papermill.log import logger

HEADING = re.compile(r"#{1,2} +(.+?) *#*$")
# Starting a kernel takes a second; on a machine that is busy with other things it may take many.
PATIENCE_SECONDS = 300
SAVE_EVERY_SECONDS = 30


class WholeFiles(LocalHandler):  # type: ignore[misc]  # papermill has no types
    """Writes a notebook whole or not at all: a run may be stopped at any moment."""

    def write(self, buf: str, path: str) -> None:
        partial = path + ".partial"
        super().write(buf, partial)
        os.replace(partial, path)


class Screen:
    """Where the kernel's output goes. Cells whose input is folded away (the library's) show none."""

    def __init__(self) -> None:
        self.muted = False

    def write(self, text: str) -> None:
        if not self.muted:
            sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


class Progress:
    """Says which part of the notebook runs: a line for each heading, or each cell where there are none."""

    def __init__(self, cells: list[NotebookNode], report: int, screen: Screen) -> None:
        self.cells, self.report, self.screen = cells, report, screen
        self.began = time.monotonic()
        self.headings = [heading_of(cell) for cell in cells]
        self.shown = -1

    def start(self, index: int) -> None:
        cell = self.cells[index]
        tell(self.report, cell=index)
        self.screen.muted = bool(cell.metadata.get("jupyter", {}).get("source_hidden"))
        titles = [heading for heading in self.headings[self.shown + 1 : index] if heading]
        if not any(self.headings):
            titles = [line for line in cell.source.splitlines() if line.strip()][:1]
        self.shown = index
        if titles:
            minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
            place = f"cell {index + 1} of {len(self.cells)}"
            print(f"[{minutes:02}:{seconds:02}] {place}: {titles[-1]}", flush=True)


def heading_of(cell: NotebookNode) -> str:
    """The first heading of a markdown cell; empty if there is none."""
    lines = cell.source.splitlines() if cell.cell_type == "markdown" else []
    return next((match[1] for match in map(HEADING.match, lines) if match), "")


def tell(report: int, **what: Any) -> None:
    os.write(report, (json.dumps(what) + "\n").encode())


class Client(PapermillNotebookClient):  # type: ignore[misc]
    """papermill's own client, which also shows bars that are written anew in their place, and saves now and then."""

    saver: Saver

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> Any:
        # To papermill such a bar is no message of its own.
        text = msg["content"].get("data", {}).get("text/plain")
        if msg["msg_type"] == "update_display_data" and text:
            self.stdout_file.write(f"{text}\n")
            self.stdout_file.flush()
        output = super().process_message(msg, cell, cell_index)
        self.saver.save_if_old()
        return output


class Saver:
    """Writes the notebook at every cell with output that is shown, and twice a minute.

    papermill itself would save four times a cell: of the library's cells, nothing is lost.
    """

    def __init__(self, notebook: NotebookNode, path: str) -> None:
        self.notebook, self.path, self.saved = notebook, path, 0.0

    def save(self) -> None:
        write_ipynb(self.notebook, self.path)
        self.saved = time.monotonic()

    def save_if_old(self) -> None:
        if time.monotonic() - self.saved > SAVE_EVERY_SECONDS:
            self.save()


class Engine(NBClientEngine):  # type: ignore[misc]
    """papermill's own engine, told to report which cell starts and how a kernel died, and to keep what there is."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, path: str, report: int, end: Callable[[int], NoReturn], **_: Any
    ) -> Any:
        screen, saver = Screen(), Saver(nb_man.nb, path)
        progress = Progress(nb_man.nb.cells, report, screen)
        kernel: Any = None

        def start(cell: NotebookNode, cell_index: int) -> None:
            nonlocal kernel
            kernel = client.km.provisioner.process
            progress.start(cell_index)
            if not screen.muted:
                saver.save()

        def stop(*_: Any) -> None:
            # The limit has come: what has been reached so far is kept, the rest ends with this process.
            try:
                saver.save()
            finally:
                end(143)

        signal.signal(signal.SIGTERM, stop)
        client = Client(
            nb_man,
            kernel_name=kernel_name,
            timeout=None,
            startup_timeout=PATIENCE_SECONDS,
            iopub_timeout=PATIENCE_SECONDS,
            log=logger,
            stdout_file=screen,
            stderr_file=screen,
            on_cell_execute=start,
        )
        client.saver = saver
        saver.save()  # from now on, the folder shows that a run made it
        try:
            return client.execute()
        except DeadKernelError:
            status = kernel.poll() if kernel else None
            tell(report, died="" if status is None else status)
            saver.save()
            raise


def run(source: str, output: str, report: int, end: Callable[[int], NoReturn]) -> bool:
    """Runs the notebook `source` and writes it to `output`; whether every cell ran.

    `report` is a file descriptor that takes a line of JSON for each cell that starts, and for the way it ended; `end`
    is called with an exit status where the notebook has to stop at once.
    """
    papermill_engines.register("run", Engine)
    papermill_io.register(output, WholeFiles())
    try:
        execute_notebook(
            source,
            output,
            engine_name="run",
            kernel_name="python3",
            progress_bar=False,
            request_save_on_cell_execute=False,
            cwd=os.path.dirname(output),
            path=output,
            report=report,
            end=end,
        )
    except (PapermillExecutionError, DeadKernelError):
        return False
    return True
