"""The curves of trainings while they run, and how far each is."""

import io
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from tqdm import tqdm

from birdlib.plots.training import SIZE, Tables, draw_curves
from birdlib.progress import COLUMNS, NotebookLine, in_notebook
from birdlib.training.clock import SessionClock
from birdlib.training.log import SUFFIX, metrics_tables, parse_record


class LiveCurves:
    """Draws the curves of all trainings in a folder while they run, in one place of the notebook.

    A context manager around the training. A thread follows the logs, so the training may run here or in other
    processes. The picture is redrawn at most every ``every_seconds`` and once at the end; below it each training of
    this session has a line that says how far it is. Outside of a notebook nothing is drawn. A picture that fails is
    never the end of a training: it is told in one line, at the end.

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
        self._folder = Path(folder)
        self._every = every_seconds
        self._epochs = epochs
        self._clock = clock
        self._followed: dict[Path, _Followed] = {}
        self._old_sessions: dict[Path, int] = {}
        self._lines: dict[Path, NotebookLine] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._handle: Any = None
        self._drawn = self._behind = False
        self._fault = ""

    def __enter__(self) -> "LiveCurves":
        self._handle = _notebook_place()
        if self._handle is not None:
            self._follow()
            self._old_sessions = {path: log.sessions for path, log in self._followed.items()}
            # A daemon, so that not even a display that hangs could keep the process from ending.
            self._thread = threading.Thread(target=self._watch, name="live curves", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is None:
            return
        self._stop.set()
        self._thread.join()
        self._thread = None
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

    def _follow(self) -> None:
        """Read what is new."""
        paths = _logs(self._folder)
        self._followed = {path: self._followed.get(path) or _Followed(path) for path in paths}
        self._behind |= any([log.read_on() for log in self._followed.values()])

    def _redraw(self) -> None:
        self._follow()
        if self._behind:
            self._behind = False
            self._show_curves()
            self._drawn = True

    def _show_curves(self) -> None:
        logs = {path.name.removesuffix(SUFFIX): log.tables() for path, log in self._followed.items()}
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

    def _running(self) -> dict[Path, "_Position"]:
        """How far the trainings of this session are, in the order in which they were begun."""
        self._follow()
        logs = sorted(self._followed.items(), key=lambda item: item[1].modified)
        positions = {path: log.position() for path, log in logs if log.sessions > self._old_sessions.get(path, 0)}
        return {path: position for path, position in positions.items() if position}

    def _show_lines(self) -> None:
        if self._epochs is not None:
            for path, position in self._running().items():
                line = self._lines.setdefault(path, NotebookLine())
                line.show(position.bar(self._epochs, self._left()))

    def _print(self) -> None:
        running = self._running()
        if running:
            path, last = running.popitem()
            of = "" if self._epochs is None else f" of {self._epochs}"
            name = path.name.removesuffix(SUFFIX)
            print(f"{name}: epoch {last.epoch:.1f}{of}, loss {last.loss:.4f}{self._left()}", flush=True)

    def _left(self) -> str:
        return "" if self._clock is None else f", {max(self._clock.left(), 0) / 60:.0f} min left"


@dataclass(frozen=True)
class _Position:
    """How far a training is, and where its session began. loss: mean of the last steps; seconds: of this session."""

    first_step: int
    step: int
    epoch: float
    loss: float
    seconds: float

    def bar(self, epochs: int, left: str) -> str:
        """As tqdm draws it."""
        total = round(self.step / self.epoch * epochs)
        finished = self.step >= total
        return tqdm.format_meter(
            self.step,
            total,
            self.seconds,
            ncols=COLUMNS,
            prefix="train",
            unit="step",
            initial=self.first_step,
            postfix=f"epoch {self.epoch:.0f}/{epochs}, loss {self.loss:.4f}{'' if finished else left}",
        )


class _Followed:
    """A log that is being written, read piece by piece. What is no record is passed over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None
        self._begin()

    def _begin(self) -> None:
        self.modified = 0.0  # when something was appended last
        self._offset = 0
        self._records: list[dict] = []
        self._tables: Tables | None = None

    def read_on(self) -> bool:
        """Take in what was appended; whether anything was. A log that was written anew is read from its start."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                if self._file != (status.st_dev, status.st_ino) or status.st_size < self._offset:
                    self._file = (status.st_dev, status.st_ino)
                    self._begin()
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return False
        whole = data[: data.rfind(b"\n") + 1]
        if not whole:
            return False
        self._offset += len(whole)
        self.modified = status.st_mtime
        self._records += [record for record in map(parse_record, whole.splitlines()) if record]
        self._tables = None
        return True

    def tables(self) -> Tables:
        if self._tables is None:
            self._tables = metrics_tables(self._records)
        return self._tables

    @property
    def sessions(self) -> int:
        """How many sessions have written to it."""
        return sum(record["event"] == "session" for record in self._records)

    def position(self) -> _Position | None:
        """None before the first step of its last session."""
        start = max((at for at, record in enumerate(self._records) if record["event"] == "session"), default=0)
        known = [one for one in self._records[start:] if one["event"] == "step" and one.get("loss") is not None]
        if not known:
            return None
        before = max((record.get("seconds") or 0.0 for record in self._records[:start]), default=0.0)
        last = known[-1]
        return _Position(
            first_step=self._records[start]["step"],
            step=last["step"],
            epoch=last["epoch"],
            loss=float(np.mean([step["loss"] for step in known[-20:]])),
            seconds=last["seconds"] - before,
        )


def _logs(folder: Path) -> list[Path]:
    """The logs of a folder, in the order in which their trainings were begun, as far as the files tell."""
    return sorted(folder.glob(f"[!.]*{SUFFIX}"))


def _notebook_place() -> Any:
    """A place in the notebook's output that can be drawn to again; None outside of a notebook."""
    if not in_notebook():
        return None
    from IPython.display import display

    # Taken now, so that the picture stands above what the training prints. HTML alone: a plain text would be
    # repeated in the log of a run.
    waiting = {"text/html": "<i>The curves begin with the first steps.</i>"}
    return display(waiting, raw=True, display_id=True)
