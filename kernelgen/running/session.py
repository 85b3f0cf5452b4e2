"""Runs one notebook by papermill, as Kaggle does, and shows what it prints while it runs.

A script of its own, run by the layer's Python inside the run: `session.py NOTEBOOK OUTPUT REPORT`. It
imports papermill and the standard library. REPORT is a file descriptor that takes one line of JSON for every
cell that starts, and for the way it ended; the exit status is 0 only if every cell ran.
"""

import json
import os
import re
import signal
import sys
import time

from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook
from papermill.iorw import LocalHandler, papermill_io
from papermill.log import logger

HEADING = re.compile(r"#{1,2} +(.+?) *#*$")
# Starting a kernel takes a second; on a machine that is busy with other things it may take many.
PATIENCE_SECONDS = 300


class WholeFiles(LocalHandler):
    """Writes a notebook whole or not at all: a run may be stopped at any moment."""

    def write(self, buf, path):
        partial = path + ".partial"
        super().write(buf, partial)
        os.replace(partial, path)


class Screen:
    """Where the kernel's output goes. Cells whose input is folded away (the library's) show none."""

    def __init__(self):
        self.muted = False

    def write(self, text):
        if not self.muted:
            sys.stdout.write(text)

    def flush(self):
        sys.stdout.flush()


class Progress:
    """Says which part of the notebook runs: a line for each heading, or each cell where there are none."""

    def __init__(self, cells, report, screen):
        self.cells, self.report, self.screen = cells, report, screen
        self.began = time.monotonic()
        self.titles = titles_of(cells)

    def start(self, index):
        cell = self.cells[index]
        if cell.cell_type != "code":
            return
        tell(self.report, event="cell", index=index)
        self.screen.muted = bool(cell.metadata.get("jupyter", {}).get("source_hidden"))
        if index in self.titles:
            minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
            print(
                f"[{minutes:02}:{seconds:02}] cell {index + 1} of {len(self.cells)}: {self.titles[index]}",
                flush=True,
            )


def titles_of(cells):
    """The line to show before a code cell, by index."""
    titles, heading, any_heading = {}, None, False
    for index, cell in enumerate(cells):
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                found = HEADING.match(line)
                if found:
                    heading, any_heading = found[1], True
                    break
        elif cell.cell_type == "code" and heading:
            titles[index], heading = heading, None
    if any_heading:
        return titles
    return {
        index: next((line for line in cell.source.splitlines() if line.strip()), "")
        for index, cell in enumerate(cells)
        if cell.cell_type == "code"
    }


def tell(report, **what):
    os.write(report, (json.dumps(what) + "\n").encode())


class Client(PapermillNotebookClient):
    """papermill's own client, which also notes how a kernel that died came to its end."""

    death = None

    def process_message(self, msg, cell, cell_index):
        # A bar that is written anew in its place is no message of its own to papermill.
        text = msg["content"].get("data", {}).get("text/plain")
        if msg["msg_type"] == "update_display_data" and text:
            self.stdout_file.write(f"{text}\n")
            self.stdout_file.flush()
        return super().process_message(msg, cell, cell_index)

    def papermill_execute_cells(self):
        try:
            super().papermill_execute_cells()
        except DeadKernelError:
            # Only here: what knows the process is thrown away when the kernel is cleaned up.
            process = getattr(self.km.provisioner, "process", None)
            self.death = {"status": process.poll() if process else None}
            raise


def make_engine(report):
    """papermill's own engine, told to report which cell starts and how a kernel died."""

    class Engine(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **_):
            screen = Screen()
            progress = Progress(nb_man.nb.cells, report, screen)
            start_cell = nb_man.cell_start

            def cell_start(cell, cell_index=None, **kwargs):
                progress.start(cell_index)
                start_cell(cell, cell_index, **kwargs)

            def stop(*_):
                # The limit has come: what has been reached so far is kept, the rest ends with this process.
                try:
                    nb_man.save()
                finally:
                    os._exit(143)

            def save_between_headings(save=nb_man.save, **kwargs):
                # papermill saves the whole notebook four times a cell; of the library's cells nothing is lost.
                if not screen.muted:
                    save(**kwargs)

            nb_man.save = save_between_headings
            nb_man.cell_start = cell_start
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
            )
            try:
                return client.execute()
            except DeadKernelError:
                tell(report, event="died", **(client.death or {"status": None}))
                raise

    return Engine


def main():
    source, output, report = sys.argv[1], sys.argv[2], int(sys.argv[3])
    papermill_engines.register("run", make_engine(report))
    papermill_io.register(output, WholeFiles())
    try:
        execute_notebook(
            source,
            output,
            engine_name="run",
            kernel_name="python3",
            progress_bar=False,
            cwd=os.path.dirname(output),
        )
    except (PapermillExecutionError, DeadKernelError):
        return 1
    except Exception as error:
        tell(report, event="papermill", reason=f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
