"""Pictures of a training: curves while it runs and after it, calibration, and the most confident mistakes."""

import io
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from birdlib.errors import BirdlibError
from birdlib.training.log import SUFFIX, metrics_tables, parse_record, read_metrics

# Hues that stay apart for the colour-blind; a set of data keeps its own in every picture.
TRAINING, CLIPS, SOUNDSCAPES = "#8a8f98", "#1f6fb4", "#d9650b"
RIGHT, WRONG = "#1f6fb4", "#c2273a"
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
_INK, _FAINT = "#22262c", "#d9dce1"
_METRICS = {"padded_cmap": "padded cmAP", "macro_roc_auc": "macro ROC-AUC"}
_SIZE = (10.0, 3.3)  # inches: the width of a notebook's output
_STEPS = (1, 2, 5, 10)  # of ticks

Tables = tuple[pd.DataFrame, pd.DataFrame]  # steps and epochs, see birdlib.training.log.read_metrics


def plot_curves(folder: Path | str) -> Figure:
    """Loss and metrics of every training whose log lies in a folder, over epochs.

    One training: its own loss, and what it scores on held-out clips and on labelled soundscapes (with their
    interval). Several: one hue each; thin is the training loss, solid clips, dashed soundscapes.

    Raises:
        BirdlibError: there is no log in the folder, or one cannot be read.
    """
    paths = _logs(Path(folder))
    if not paths:
        raise BirdlibError(f"{folder}: no *{SUFFIX}; the curves are drawn from the log of a training")
    logs = {path.name.removesuffix(SUFFIX): read_metrics(path) for path in paths}
    figure = plt.figure(figsize=_SIZE, layout="constrained")
    _draw_curves(figure, logs)
    return figure


class LiveCurves:
    """Draws the curves of all trainings in a folder while they run, in one place of the notebook.

    A context manager around the training. A thread follows the logs, so the training may run here or in other
    processes, and the picture is redrawn at most every ``every_seconds`` and once at the end. Outside of a notebook
    nothing is drawn. A picture that fails is never the end of a training: it is told in one line, at the end.
    """

    # A redraw holds Python's lock for some tenths of a second: not more than this share of the time goes into it.
    share = 0.03

    def __init__(self, folder: Path | str, every_seconds: float = 10.0) -> None:
        self._folder = Path(folder)
        self._every = every_seconds
        self._followed: dict[Path, _Followed] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._handle: Any = None
        self._drawn = False
        self._fault = ""
        self._process = os.getpid()

    def __enter__(self) -> "LiveCurves":
        self._handle = _notebook_place()
        if self._handle is not None:
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
        self._redraw()
        if not self._drawn:
            self._handle.update({"text/html": "<i>There are no curves to show.</i>"}, raw=True)
        if self._fault:
            print(f"The live curves were not drawn to the end: {self._fault}")

    def _watch(self) -> None:
        pause = self._every
        while not self._stop.wait(pause):
            began = time.perf_counter()
            self._redraw()
            pause = max(self._every, (time.perf_counter() - began) / self.share)

    def _redraw(self) -> None:
        if self._fault:
            return
        try:
            if self._follow():
                self._show()
                self._drawn = True
        except Exception as error:
            self._fault = f"{type(error).__name__}: {error}"

    def _follow(self) -> bool:
        """Read what is new; whether anything is."""
        paths = _logs(self._folder)
        self._followed = {path: self._followed.get(path) or _Followed(path) for path in paths}
        return any([log.read_on() for log in self._followed.values()])

    def _show(self) -> None:
        logs = {path.name.removesuffix(SUFFIX): log.tables() for path, log in self._followed.items()}
        # pyplot keeps one current figure for all threads: here a figure is made without it. The labels hold no
        # formulas, since matplotlib's parser of these is shared between threads as well.
        figure = Figure(figsize=_SIZE, dpi=144, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        _draw_curves(figure, logs)
        png = io.BytesIO()
        canvas.print_png(png)
        width, height = (round(96 * inches) for inches in _SIZE)
        self._handle.update(
            {"image/png": png.getvalue()}, metadata={"image/png": {"width": width, "height": height}}, raw=True
        )


def plot_reliability(
    truth: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None, bins: int = 10
) -> Figure:
    """How often a bird is there when the model gives it a probability, and how the probabilities are spread.

    Left: cells (row and class) in equal steps of probability, with the 95 % interval of the share that is true
    (Wilson's); below the diagonal the model is too sure. The calibration error is the mean distance from the
    diagonal, over cells. Right: how many cells have which probability.

    Args:
        truth: 0/1 [rows, classes].
        scores: float [rows, classes], probabilities.
        weights: float [rows, classes]; cells of weight 0 are left out.
    """
    truth, scores = np.asarray(truth), np.asarray(scores, dtype=np.float64)
    counted = np.ones(truth.shape, bool) if weights is None else np.asarray(weights) > 0
    true, probability = truth[counted] == 1, scores[counted]
    if not true.size:
        raise BirdlibError("no cell to draw the calibration of; were all masked?")
    place = np.minimum((probability * bins).astype(int), bins - 1)
    cells = np.bincount(place, minlength=bins)
    filled = np.flatnonzero(cells)
    said = np.bincount(place, probability, minlength=bins)[filled] / cells[filled]
    hits = np.bincount(place, true, minlength=bins)[filled]
    shares = hits / cells[filled]
    error = np.average(np.abs(shares - said), weights=cells[filled])

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(_SIZE[0], 3.8), layout="constrained", gridspec_kw={"width_ratios": [1, 1.5]}
    )
    _plain(left, f"reliability (calibration error {error:.3f})")
    left.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=(0, (4, 3)))
    left.text(0.05, 0.95, "too cautious", color=TRAINING, fontsize=8.5, va="top")
    left.text(0.97, 0.05, "too sure", color=TRAINING, fontsize=8.5, ha="right")
    low, high = _wilson(hits, cells[filled])
    left.errorbar(
        said,
        shares,
        yerr=[np.maximum(shares - low, 0), np.maximum(high - shares, 0)],
        color=CLIPS,
        marker="o",
        markersize=4.5,
        linewidth=1.6,
        elinewidth=1,
        clip_on=False,
    )
    left.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="probability given", ylabel="share that was true")

    _plain(right, f"probabilities of {true.size:,} cells")
    edges = np.linspace(0, 1, 41)
    absent = right.hist(probability[~true], edges, color=_FAINT)[0]
    present = np.histogram(probability[true], edges)[0]
    right.stairs(present, edges, baseline=None, color=CLIPS, linewidth=1.6)
    right.set_yscale("log")
    right.set(
        xlim=(0, 1), ylim=(0.7, 4 * max(absent.max(), present.max(), 1)), xlabel="probability given", ylabel="cells"
    )
    _plain_numbers(right, subs=(1.0,))
    right.text(0.98, 0.95, f"bird there ({true.sum():,})", color=CLIPS, transform=right.transAxes, ha="right", va="top")
    right.text(
        0.98, 0.87, f"not there ({(~true).sum():,})", color=TRAINING, transform=right.transAxes, ha="right", va="top"
    )
    return figure


def plot_mistakes(
    truth: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    mel_of: Callable[[int], np.ndarray],
    *,
    names: Sequence[str] | None = None,
    weights: np.ndarray | None = None,
    seconds: float = 5.0,
    count: int = 4,
) -> Figure:
    """Mel spectrograms of the most confident mistakes: birds heard that are not there, and birds missed.

    A false alarm ranks an absent class above all that are there (where none is: above half of all that are there
    anywhere); a miss ranks one that is there below one that is not. A row is shown once, and a class once in each
    line as long as there are others.

    Args:
        truth: 0/1 [rows, classes].
        scores: float [rows, classes].
        mel_of: gives the mel spectrogram of a row, float [n_mels, frames].
        names: of the rows' recordings, to be written below.
        weights: float [rows, classes]; cells of weight 0 are no mistakes.
        seconds: a window's length.
        count: pictures of each kind.
    """
    truth, scores, classes = np.asarray(truth), np.asarray(scores, dtype=np.float64), list(classes)
    if truth.shape != scores.shape or truth.ndim != 2 or truth.shape[1] != len(classes):
        raise BirdlibError(f"truth {truth.shape}, scores {scores.shape} and {len(classes)} classes do not fit together")
    counted = np.ones(truth.shape, bool) if weights is None else np.asarray(weights) > 0
    there, absent = (truth == 1) & counted, (truth == 0) & counted
    alarms, misses = _mistakes(there, absent, scores, count)
    lines = [
        (kind, cells) for kind, cells in (("heard, but not there", alarms), ("there, but missed", misses)) if cells
    ]
    if not lines:
        figure = plt.figure(figsize=(_SIZE[0], 0.8), layout="constrained")
        figure.text(0.01, 0.5, "No mistakes: what is there ranks above all that is not.", color=_INK, va="center")
        return figure
    figure = plt.figure(figsize=(_SIZE[0], 2.55 * len(lines)), layout="constrained")
    for part, (kind, cells) in zip(figure.subfigures(len(lines), 1, squeeze=False)[:, 0], lines, strict=True):
        part.suptitle(kind, x=0.005, ha="left", color=_INK, fontsize=10.5, fontweight="bold")
        axes = part.subplots(1, count, squeeze=False)[0]
        for axis in axes[len(cells) :]:
            axis.axis("off")
        for axis, (row, c) in zip(axes, cells, strict=False):
            mel = np.asarray(mel_of(row))
            axis.imshow(mel, origin="lower", aspect="auto", cmap="magma", extent=(0, seconds, 0, len(mel)))
            axis.set(yticks=[])
            axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
            axis.tick_params(labelsize=7, length=2, colors=TRAINING)
            axis.spines[:].set_visible(False)
            _title_of_mistake(axis, there[row], absent[row], scores[row], classes, c)
            if names is not None:
                axis.set_xlabel(_cut(str(names[row]), 34), fontsize=7, color=TRAINING, parse_math=False)
    return figure


def _title_of_mistake(
    axis: Axes, there: np.ndarray, absent: np.ndarray, scores: np.ndarray, classes: list[str], c: int
) -> None:
    if there[c]:
        other = int(np.argmax(np.where(absent, scores, -np.inf)))
        second = f"heard {_cut(classes[other], 16)} {scores[other]:.2f}"
    elif there.any():
        best = int(np.argmax(np.where(there, scores, -np.inf)))
        second = f"there: {_cut(classes[best], 16)} {scores[best]:.2f}"
        second += f" +{there.sum() - 1}" if there.sum() > 1 else ""
    else:
        second = "no labelled bird there"
    head = f"{_cut(classes[c], 22)} {scores[c]:.2f}"
    axis.set_title(second, fontsize=8, color=_INK, loc="left", pad=4, parse_math=False)
    axis.annotate(
        head,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 17),
        textcoords="offset points",
        fontsize=9.5,
        fontweight="bold",
        color=RIGHT if there[c] else WRONG,
        parse_math=False,
    )


def _mistakes(
    there: np.ndarray, absent: np.ndarray, scores: np.ndarray, count: int
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Cells (row, class) of the worst false alarms and of the worst misses, the worst first."""
    typical = np.median(scores[there]) if there.any() else 0.0
    best_there = np.where(there, scores, -np.inf).max(axis=1, keepdims=True)
    best_there[~there.any(axis=1)] = typical
    best_absent = np.where(absent, scores, -np.inf).max(axis=1, keepdims=True)
    alarms = _worst(np.where(absent & (scores > best_there), scores, -np.inf), count, taken=set())
    # By the distance to what was heard instead: a bird that is quiet among quiet scores is no confident miss.
    gap = np.where(there & (scores < best_absent), best_absent - scores, -np.inf)
    return alarms, _worst(gap, count, taken={row for row, _ in alarms})


def _worst(badness: np.ndarray, count: int, taken: set[int]) -> list[tuple[int, int]]:
    """The cells of the highest finite values, of other rows than those taken, of different classes if possible."""
    flat = badness.ravel()
    order = np.argsort(-flat, kind="stable")[: np.isfinite(flat).sum()]
    chosen: list[tuple[int, int]] = []
    for again in (False, True):
        for at in order:
            row, c = divmod(int(at), badness.shape[1])
            if len(chosen) == count:
                break
            if row not in taken and (again or c not in {one for _, one in chosen}):
                chosen.append((row, c))
                taken.add(row)
    return sorted(chosen, key=lambda cell: -badness[cell])


def _wilson(hits: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of shares, defined also where all or none are hits."""
    z = 1.96
    share = hits / cells
    middle = (share + z**2 / (2 * cells)) / (1 + z**2 / cells)
    half = z / (1 + z**2 / cells) * np.sqrt(share * (1 - share) / cells + z**2 / (4 * cells**2))
    return middle - half, middle + half


# ---- the curves


class _Followed:
    """A log that is being written, read piece by piece. What is no record is passed over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None
        self._begin()

    def _begin(self) -> None:
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
        self._records += [record for record in map(parse_record, whole.splitlines()) if record]
        self._tables = None
        return True

    def tables(self) -> Tables:
        if self._tables is None:
            self._tables = metrics_tables(self._records)
        return self._tables


def _logs(folder: Path) -> list[Path]:
    """The logs of a folder, in the order in which their trainings were begun, as far as the files tell."""
    return sorted(folder.glob(f"[!.]*{SUFFIX}"))


def _notebook_place() -> Any:
    """A place in the notebook's output that can be drawn to again; None outside of a notebook."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return None
    # The terminal's IPython has no kernel, and a forked process no way to the notebook.
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return None
    # Taken now, so that the picture stands above what the training prints. HTML alone: a plain text would be
    # repeated in the log of a run.
    waiting = {"text/html": "<i>The curves begin with the first steps.</i>"}
    return display(waiting, raw=True, display_id=True)


def _draw_curves(figure: Figure, logs: Mapping[str, Tables]) -> None:
    logs = {name: tables for name, tables in logs.items() if len(tables[0]) or len(tables[1])}
    if not logs:
        figure.text(0.01, 0.5, "Nothing is logged yet.", color=_INK)
        return
    panels = ["loss"] + [
        metric
        for metric in _METRICS
        if any(_has(epochs, f"{where}_{metric}") for _, epochs in logs.values() for where in ("clips", "soundscapes"))
    ]
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    end = max(max(_last(steps["epoch"]), _last(epochs["epoch"])) for steps, epochs in logs.values())
    for axis, panel in zip(axes, panels, strict=True):
        _plain(axis, _METRICS.get(panel, panel))
        axis.set_xlim(0, max(end, 0.1) * 1.02)
        axis.xaxis.set_major_locator(MaxNLocator(5, steps=_STEPS, integer=end >= 1))
        axis.set_xlabel("epoch")
        if len(logs) == 1:
            _draw_one(axis, panel, *next(iter(logs.values())))
        else:
            _draw_several(axis, panel, logs)
    figure.suptitle(_headline(logs), x=0.008, ha="left", fontsize=10, color=_INK)


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
        _plain_numbers(axis, subs=(1.0, 2.0, 5.0) if high / low > 4 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0))
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


def _plain(axis: Axes, title: str) -> None:
    axis.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=_INK)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color("#b5bac2")
    axis.tick_params(colors="#5b6270", labelsize=8.5)
    axis.xaxis.label.set(color="#5b6270", fontsize=9)
    axis.yaxis.label.set(color="#5b6270", fontsize=9)
    axis.grid(axis="y", color=_FAINT, linewidth=0.6)
    axis.set_axisbelow(True)


def _plain_numbers(axis: Axes, subs: tuple[float, ...]) -> None:
    """A logarithmic axis with numbers as they are spoken."""
    axis.yaxis.set_major_locator(LogLocator(subs=subs))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 10 else f"{value:.3g}"))
    axis.yaxis.set_minor_locator(NullLocator())


def _dots(x: np.ndarray) -> dict[str, Any]:
    """Few points are marked; of one alone there is no line to see."""
    return {"marker": "o", "markersize": 3} if len(x) <= 12 else {}


def _digits(value: float) -> str:
    return f"{value:.3f}" if abs(value) >= 0.1 else f"{value:#.2g}"


def _has(epochs: pd.DataFrame, column: str) -> bool:
    return column in epochs and bool(epochs[column].notna().any())


def _last(values: pd.Series) -> float:
    return float(values.max()) if len(values) else 0.0


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
