"""The curves of trainings while they run, and how far each is."""

import io
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from tqdm import tqdm

from birdlib.plots.training import SIZE, draw_curves
from birdlib.progress import COLUMNS, NotebookLine, in_notebook
from birdlib.training.clock import SessionClock
from birdlib.training.log import SUFFIX, metrics_tables, parse_record


class LiveCurves:
    """Draws the curves of all trainings in a folder while they run, in one place of the notebook.

    A context manager around the training. A thread follows the logs, so the training may run here or in other
    processes. The picture is redrawn at most every ``every_seconds`` and once at the end; below it each training of
    this session has a line that says how far it is. Outside of a notebook nothing is drawn. A picture that fails never
    ends a training: one line says so, at the end.

    Args:
        epochs: of each training; None for no such lines.
        clock: tells how much of the session is left.
    """

    # A redraw holds Python's lock for some tenths of a second: not more than this share of the time goes into it.
    share = 0.03
    # While a version runs, Kaggle shows what is printed, and nothing else.
    minutes_between_prints = 15.0

    def __init__(
        self,
        folder: Path | str,
        every_seconds: float = 10.0,
        *,
        epochs: int | None = None,
        clock: SessionClock | None = None,
    ) -> None:
        self._folder, self._every, self._epochs, self._clock = Path(folder), every_seconds, epochs, clock
        self._records: dict[Path, list[dict]] = {}  # of each log
        self._sizes: dict[Path, int] = {}
        self._lines: dict[Path, NotebookLine] = {}
        self._stop = threading.Event()
        # A daemon, so that not even a display that hangs could keep the process from ending.
        self._thread = threading.Thread(target=self._watch, name="live curves", daemon=True)
        self._handle: Any = None
        self._drawn = self._behind = False
        self._fault = ""

    def __enter__(self) -> "LiveCurves":
        self._handle = _notebook_place()
        if self._handle is not None:
            self._read()
            self._old_sessions = {path: _sessions(records) for path, records in self._records.items()}
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is None:
            return
        self._stop.set()
        self._thread.join()
        self._guarded(self._show_lines)
        self._guarded(self._redraw)
        if not self._drawn:
            self._handle.update({"text/html": "<i>There are no curves to show.</i>"}, raw=True)
        if self._fault:
            print(f"The live curves were not drawn to the end: {self._fault}")

    def _watch(self) -> None:
        drawn_at = printed_at = time.monotonic()
        pause = self._every
        while not self._stop.wait(min(self._every, 5.0)):
            self._guarded(self._show_lines)
            began = time.monotonic()
            if began - drawn_at >= pause:
                self._guarded(self._redraw)
                drawn_at = time.monotonic()
                pause = max(self._every, (drawn_at - began) / self.share)
            if began - printed_at >= 60 * self.minutes_between_prints:
                self._guarded(self._print)
                printed_at = began

    def _guarded(self, show: Callable[[], None]) -> None:
        if self._fault:
            return
        try:
            show()
        except Exception as error:
            self._fault = f"{type(error).__name__}: {error}"

    def _read(self) -> None:
        """Read the logs that have changed. What is no record is passed over: it may be a line that is being written."""
        paths = sorted(self._folder.glob(f"[!.]*{SUFFIX}"))
        self._records = {path: self._records.get(path, []) for path in paths}
        for path in paths:
            with suppress(FileNotFoundError):  # a training that continues for other epochs gets another name
                if path.stat().st_size != self._sizes.get(path):
                    data = path.read_bytes()
                    self._sizes[path] = len(data)
                    self._records[path] = [record for line in data.splitlines() if (record := parse_record(line))]
                    self._behind |= bool(self._records[path])

    def _redraw(self) -> None:
        self._read()
        if not self._behind:
            return
        self._behind = False
        logs = {path.name.removesuffix(SUFFIX): metrics_tables(records) for path, records in self._records.items()}
        # pyplot keeps one current figure for all threads: here a figure is made without it. The labels hold no
        # formulas, since matplotlib's parser of these is shared between threads as well.
        figure = Figure(figsize=SIZE, dpi=120, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        draw_curves(figure, logs)
        png = io.BytesIO()
        canvas.print_png(png)
        width, height = (round(96 * inches) for inches in SIZE)
        self._handle.update(
            {"image/png": png.getvalue()}, metadata={"image/png": {"width": width, "height": height}}, raw=True
        )
        self._drawn = True

    def _steps(self) -> dict[Path, list[dict]]:
        """Of each training of this session the records of its present session, that of the session's start first."""
        self._read()
        present = {}
        for path, records in self._records.items():
            start = max((number for number, record in enumerate(records) if record["event"] == "session"), default=0)
            steps = [
                record for record in records[start:] if record["event"] == "step" and record.get("loss") is not None
            ]
            if steps and _sessions(records) > self._old_sessions.get(path, 0):
                before = max((record.get("seconds") or 0.0 for record in records[:start]), default=0.0)
                present[path] = [{"step": records[start]["step"], "seconds": before}, *steps]
        return present

    def _show_lines(self) -> None:
        if self._epochs is None:
            return
        for path, (start, *steps) in self._steps().items():
            last = steps[-1]
            total = round(last["step"] / last["epoch"] * self._epochs)
            state = f"epoch {last['epoch']:.0f}/{self._epochs}, loss {_mean_loss(steps):.4f}"
            bar = tqdm.format_meter(
                last["step"],
                total,
                last["seconds"] - start["seconds"],
                ncols=COLUMNS,
                prefix="train",
                unit="step",
                initial=start["step"],
                postfix=state + ("" if last["step"] >= total else self._left()),
            )
            self._lines.setdefault(path, NotebookLine()).show(bar)

    def _print(self) -> None:
        if running := self._steps():
            path = max(running, key=lambda path: path.stat().st_mtime)
            of = "" if self._epochs is None else f" of {self._epochs}"
            state = f"epoch {running[path][-1]['epoch']:.1f}{of}, loss {_mean_loss(running[path][1:]):.4f}"
            print(f"{path.name.removesuffix(SUFFIX)}: {state}{self._left()}", flush=True)

    def _left(self) -> str:
        return "" if self._clock is None else f", {max(self._clock.left(), 0) / 60:.0f} min left"


def _sessions(records: list[dict]) -> int:
    return sum(record["event"] == "session" for record in records)


def _mean_loss(steps: list[dict]) -> float:
    return float(np.mean([step["loss"] for step in steps[-20:]]))


def _notebook_place() -> Any:
    """A place in the notebook's output that can be drawn to again; None outside of a notebook."""
    if not in_notebook():
        return None
    from IPython.display import display

    # Taken now, so that the picture stands above what the training prints. HTML alone: a plain text would be
    # repeated in the log of a run.
    waiting = {"text/html": "<i>The curves begin with the first steps.</i>"}
    return display(waiting, raw=True, display_id=True)
