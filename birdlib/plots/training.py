"""Pictures of a training: its curves, while it runs and after it, and how far it is."""

import io
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from tqdm import tqdm

from birdlib.plots.style import CLIPS, INK, SOUNDSCAPES, TRAINING, WIDTH, plain, plain_numbers
from birdlib.progress import COLUMNS, NotebookLine, in_notebook
from birdlib.training.clock import SessionClock
from birdlib.training.log import SUFFIX, metrics_tables, parse_record

_MEMBERS = (
    "#1f6fb4",
    "#d9650b",
    "#2a8f5a",
    "#8a4fae",
    "#c2273a",
    "#9a7411",
    "#14909c",
    "#d0589c",
    "#5b6270",
    "#7a9a01",
)
_METRICS = {"padded_cmap": "padded cmAP", "macro_roc_auc": "macro ROC-AUC"}
_SIZE = (WIDTH, 3.3)  # inches
_STEPS = (1, 2, 5, 10)  # of ticks

Tables = tuple[pd.DataFrame, pd.DataFrame]  # steps and epochs, see birdlib.training.log.metrics_tables


class LiveCurves:
    """Draws the curves of all trainings in a folder while they run, in one place of the notebook.

    Loss and metrics over epochs. One training: its own loss, and what it scores on held-out clips and on labelled
    soundscapes (with their interval). Several: one hue each; thin is the training loss, solid clips, dashed
    soundscapes.

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
        self._process = os.getpid()

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
        # A process that was forked inside and leaves through here has neither the thread nor the notebook.
        if self._thread is None or os.getpid() != self._process:
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
        figure = Figure(figsize=_SIZE, dpi=120, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        _draw_curves(figure, logs)
        png = io.BytesIO()
        canvas.print_png(png)
        width, height = (round(96 * inches) for inches in _SIZE)
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


# ---- the curves


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


def _draw_curves(figure: Figure, logs: Mapping[str, Tables]) -> None:
    logs = {name: tables for name, tables in logs.items() if len(tables[0]) or len(tables[1])}
    if not logs:
        figure.text(0.01, 0.5, "Nothing is logged yet.", color=INK)
        return
    panels = ["loss"] + [
        metric
        for metric in _METRICS
        if any(_has(epochs, f"{where}_{metric}") for _, epochs in logs.values() for where in ("clips", "soundscapes"))
    ]
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    end = max(max(_last(steps["epoch"]), _last(epochs["epoch"])) for steps, epochs in logs.values())
    for axis, panel in zip(axes, panels, strict=True):
        plain(axis, _METRICS.get(panel, panel))
        axis.set_xlim(0, max(end, 0.1) * 1.02)
        axis.xaxis.set_major_locator(MaxNLocator(5, steps=_STEPS, integer=end >= 1))
        axis.set_xlabel("epoch")
        if len(logs) == 1:
            _draw_one(axis, panel, *next(iter(logs.values())))
        else:
            _draw_several(axis, panel, logs)
    figure.suptitle(_headline(logs), x=0.008, ha="left", fontsize=10, color=INK)


def _draw_one(axis: Axes, panel: str, steps: pd.DataFrame, epochs: pd.DataFrame) -> None:
    """One training: a hue for each set of data, each line named at its end with its last and its best value."""
    labels: list[tuple[float, str, str]] = []
    if panel == "loss":
        x, y = _thinned(steps)
        axis.plot(x, y, color=TRAINING, linewidth=1.1)
        if len(y):
            labels.append((y[-1], f"training {_digits(y[-1])}", TRAINING))
    for where, hue in (("clips", CLIPS), ("soundscapes", SOUNDSCAPES)):
        column = f"{where}_{panel}"
        if not _has(epochs, column):
            continue
        known = epochs.dropna(subset=column)
        x, y = known["epoch"].to_numpy(), known[column].to_numpy()
        axis.plot(x, y, color=hue, linewidth=1.8, **_dots(x))
        if f"{column}_low" in epochs:
            axis.fill_between(x, known[f"{column}_low"], known[f"{column}_high"], color=hue, alpha=0.12, linewidth=0)
        best = int(np.argmin(y) if panel == "loss" else np.argmax(y))
        axis.plot(
            x[best], y[best], "o", markersize=6, markerfacecolor="white", markeredgecolor=hue, markeredgewidth=1.6
        )
        text = f"{where} {_digits(y[-1])}"
        if best < len(y) - 1:
            text += f"\nbest {_digits(y[best])} ({x[best]})"
        labels.append((y[-1], text, hue))
    _finish(axis, panel, labels, size=8.5)


def _draw_several(axis: Axes, panel: str, logs: Mapping[str, Tables]) -> None:
    """Several trainings: a hue for each, named at the end of its line."""
    labels: list[tuple[float, str, str]] = []
    short = _short_names(list(logs))
    for number, (name, (steps, epochs)) in enumerate(logs.items()):
        hue = _MEMBERS[number % len(_MEMBERS)]
        ends = []
        if panel == "loss":
            x, y = _thinned(steps)
            axis.plot(x, y, color=hue, linewidth=0.9, alpha=0.45)
            ends += [y[-1]] if len(y) else []
        for where, style in (("clips", "-"), ("soundscapes", (0, (4, 2)))):
            column = f"{where}_{panel}"
            if _has(epochs, column):
                known = epochs.dropna(subset=column)
                x, y = known["epoch"].to_numpy(), known[column].to_numpy()
                axis.plot(x, y, color=hue, linewidth=1.5, linestyle=style, **_dots(x))
                ends.append(y[-1])
        if ends:
            # Of soundscapes where there are any: they are what counts.
            labels.append((ends[-1], f"{short[name]} {_digits(ends[-1])}", hue))
    _finish(axis, panel, labels, size=8.5 if len(logs) <= 6 else 7)


def _finish(axis: Axes, panel: str, labels: list[tuple[float, str, str]], size: float) -> None:
    """Scale, and the labels right of the lines' ends, moved apart where they would meet."""
    if panel == "loss" and any(np.any(np.asarray(line.get_ydata()) > 0) for line in axis.lines):
        axis.set_yscale("log")
        low, high = axis.get_ylim()
        plain_numbers(axis, subs=(1.0, 2.0, 5.0) if high / low > 4 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0))
    elif panel != "loss":
        low, high = axis.get_ylim()
        # A tenth at least: else the first two epochs look like a leap.
        room = max(0.1 - (high - low), 0) / 2
        axis.set_ylim(max(low - room, 0.0), min(high + room, 1.005))
        axis.yaxis.set_major_locator(MaxNLocator(5, steps=_STEPS))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    to_place = axis.transData + axis.transAxes.inverted()
    labels = sorted(labels)
    wanted = [float(to_place.transform((0, y))[1]) for y, _, _ in labels]
    line = size * 1.25 / 72 / (_SIZE[1] * 0.68)  # of one line of text, in heights of a panel
    heights = [line * (1 + text.count("\n")) for _, text, _ in labels]
    for place, (_, text, hue) in zip(_spread(wanted, heights), labels, strict=True):
        axis.annotate(
            text,
            (1, place),
            xycoords="axes fraction",
            xytext=(5, 0),
            textcoords="offset points",
            color=hue,
            fontsize=size,
            va="center",
            annotation_clip=False,
            parse_math=False,
        )


def _spread(wanted: list[float], heights: list[float]) -> list[float]:
    """Places (of centres, ascending) near those wanted, between 0 and 1, where no two texts of these heights meet."""
    places = list(wanted)
    for _ in range(200):
        if places:
            places[0] = max(places[0], heights[0] / 2)
            places[-1] = min(places[-1], 1 - heights[-1] / 2)
        missing = [(heights[i] + heights[i + 1]) / 2 - (places[i + 1] - places[i]) for i in range(len(places) - 1)]
        if max(missing, default=0.0) < 1e-3:
            break
        for i, space in enumerate(missing):
            if space > 0:
                places[i] -= space / 2
                places[i + 1] += space / 2
    return places


def _headline(logs: Mapping[str, Tables]) -> str:
    """Which trainings, how far they are, and what the lines mean."""
    both = {
        name: pd.concat([table[["step", "epoch", "seconds"]] for table in tables if len(table)]).max()
        for name, tables in logs.items()
    }
    if len(both) == 1:
        ((name, last),) = both.items()
        return f"{name}    epoch {last['epoch']:.1f}, step {last['step']:,.0f}, {_spoken(last['seconds'])}"
    furthest, least = max(last["epoch"] for last in both.values()), min(last["epoch"] for last in both.values())
    how_far = f"{least:.1f} to {furthest:.1f} epochs" if furthest - least >= 0.05 else f"{furthest:.1f} epochs"
    lines = ["thin: training loss"]
    for where, line in (("clips", "solid"), ("soundscapes", "dashed")):
        if any(_has(epochs, f"{where}_{name}") for _, epochs in logs.values() for name in ("loss", *_METRICS)):
            lines.append(f"{line}: {where}")
    lines[-1] += " (and the numbers)" if len(lines) > 1 else ""
    stem = os.path.commonprefix([f"{name}-" for name in both]).rpartition("-")[0]
    return f"{len(both)} trainings{f' of {stem}' if stem else ''}, {how_far}    " + ", ".join(lines)


def _spoken(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min" if minutes >= 2 else f"{seconds:.0f} s"


def _short_names(names: list[str]) -> dict[str, str]:
    """What tells names apart: without the parts that all of them begin or end with."""
    parts = [name.split("-") for name in names]
    while all(len(one) > 1 for one in parts) and len({one[0] for one in parts}) == 1:
        parts = [one[1:] for one in parts]
    while all(len(one) > 1 for one in parts) and len({one[-1] for one in parts}) == 1:
        parts = [one[:-1] for one in parts]
    return {name: "-".join(one) for name, one in zip(names, parts, strict=True)}


def _thinned(steps: pd.DataFrame, most: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """Epochs and losses of the steps, averaged in bins where there are many: single steps are noisy."""
    known = steps.dropna(subset="loss")
    x, y = known["epoch"].to_numpy(), known["loss"].to_numpy()
    if len(x) <= most:
        return x, y
    starts = np.linspace(0, len(x), most, endpoint=False).astype(int)
    counts = np.diff(np.append(starts, len(x)))
    return np.add.reduceat(x, starts) / counts, np.add.reduceat(y, starts) / counts


def _dots(x: np.ndarray) -> dict[str, Any]:
    """Few points are marked; of one alone there is no line to see."""
    return {"marker": "o", "markersize": 3} if len(x) <= 12 else {}


def _digits(value: float) -> str:
    return f"{value:.3f}" if abs(value) >= 0.1 else f"{value:#.2g}"


def _has(epochs: pd.DataFrame, column: str) -> bool:
    return column in epochs and bool(epochs[column].notna().any())


def _last(values: pd.Series) -> float:
    return float(values.max()) if len(values) else 0.0
