"""Pictures of a training: the curves of its loss and its scores."""

import os
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from birdlib.metrics.of_years import METRICS
from birdlib.plots.style import CLIPS, INK, SOUNDSCAPES, TRAINING, WIDTH, plain, plain_numbers

_HUES = "#1f6fb4 #d9650b #2a8f5a #8a4fae #c2273a #9a7411 #14909c #d0589c #5b6270 #7a9a01".split()  # of trainings
_METRICS = {metric.key: metric.title for metric in METRICS}
_DATA = {"clips": (CLIPS, "-"), "soundscapes": (SOUNDSCAPES, (0, (4, 2)))}  # hue of one training, line of several
SIZE = (WIDTH, 3.3)  # inches
_STEPS = (1, 2, 5, 10)  # of ticks

Tables = tuple[pd.DataFrame, pd.DataFrame]  # steps and epochs, see birdlib.training.log.metrics_tables
Label = tuple[float, str, str]  # height, text, hue


def draw_curves(figure: Figure, logs: Mapping[str, Tables]) -> None:
    """Loss and metrics over epochs, of trainings by their names.

    One training: its own loss, and what it scores on held-out clips and on labelled soundscapes (with their
    interval). Several: one hue each; thin is the training loss, solid clips, dashed soundscapes.
    """
    logs = {name: tables for name, tables in logs.items() if len(tables[0]) or len(tables[1])}
    if not logs:
        figure.text(0.01, 0.5, "Nothing is logged yet.", color=INK)
        return
    panels = ["loss"] + [
        metric for metric in _METRICS if any(_has(logs, f"{where}_{metric}") for where in ("clips", "soundscapes"))
    ]
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    end = max(table["epoch"].max() for tables in logs.values() for table in tables if len(table))
    short = _short_names(list(logs))
    for axis, panel in zip(axes, panels, strict=True):
        plain(axis, _METRICS.get(panel, panel))
        axis.set_xlim(0, max(end, 0.1) * 1.02)
        axis.xaxis.set_major_locator(MaxNLocator(5, steps=_STEPS, integer=end >= 1))
        axis.set_xlabel("epoch")
        labels: list[Label] = []
        for number, (name, tables) in enumerate(logs.items()):
            if len(logs) == 1:
                labels += _draw_one(axis, panel, *tables)
            else:
                labels += _draw_of_several(axis, panel, *tables, short[name], _HUES[number % len(_HUES)])
        _finish(axis, panel, labels, size=8.5 if len(logs) <= 6 else 7)
    figure.suptitle(_headline(logs), x=0.008, ha="left", fontsize=10, color=INK)


def _draw_one(axis: Axes, panel: str, steps: pd.DataFrame, epochs: pd.DataFrame) -> list[Label]:
    """One training: a hue for each set of data, each line named at its end with its last and its best value."""
    labels = []
    if panel == "loss":
        x, y = _thinned(steps)
        axis.plot(x, y, color=TRAINING, linewidth=1.1)
        labels += [(y[-1], f"training {_digits(y[-1])}", TRAINING)] if len(y) else []
    for where, (hue, _) in _DATA.items():
        x, y = _points(epochs, column := f"{where}_{panel}")
        if not len(x):
            continue
        axis.plot(x, y, color=hue, linewidth=1.8, marker=_marker(x), markersize=3)
        if f"{column}_low" in epochs:
            known = epochs.dropna(subset=column)
            axis.fill_between(x, known[f"{column}_low"], known[f"{column}_high"], color=hue, alpha=0.12, linewidth=0)
        best = int(np.argmin(y) if panel == "loss" else np.argmax(y))
        ring = {"markerfacecolor": "white", "markeredgecolor": hue, "markeredgewidth": 1.6}
        axis.plot(x[best], y[best], "o", markersize=6, **ring)
        text = f"{where} {_digits(y[-1])}"
        labels.append((y[-1], text + (f"\nbest {_digits(y[best])} ({x[best]})" if best < len(y) - 1 else ""), hue))
    return labels


def _draw_of_several(
    axis: Axes, panel: str, steps: pd.DataFrame, epochs: pd.DataFrame, name: str, hue: str
) -> list[Label]:
    """One of several trainings: a hue of its own, named at the end of its last line, that of soundscapes if any."""
    ends = []
    if panel == "loss":
        x, y = _thinned(steps)
        axis.plot(x, y, color=hue, linewidth=0.9, alpha=0.45)
        ends += y[-1:].tolist()
    for where, (_, line) in _DATA.items():
        x, y = _points(epochs, f"{where}_{panel}")
        if len(x):
            axis.plot(x, y, color=hue, linewidth=1.5, linestyle=line, marker=_marker(x), markersize=3)
            ends.append(y[-1])
    return [(ends[-1], f"{name} {_digits(ends[-1])}", hue)] if ends else []


def _finish(axis: Axes, panel: str, labels: list[Label], size: float) -> None:
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
    line = size * 1.25 / 72 / (SIZE[1] * 0.68)  # of one line of text, in heights of a panel
    heights = [line * (1 + text.count("\n")) for _, text, _ in labels]
    style = {"xytext": (5, 0), "textcoords": "offset points", "fontsize": size, "va": "center", "parse_math": False}
    for place, (_, text, hue) in zip(_spread(wanted, heights), labels, strict=True):
        axis.annotate(text, (1, place), xycoords="axes fraction", color=hue, annotation_clip=False, **style)


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
        minutes = round(last["seconds"] / 60)
        time = f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
        return f"{name}    epoch {last['epoch']:.3g}, step {last['step']:,.0f}, {time}"
    furthest, least = max(last["epoch"] for last in both.values()), min(last["epoch"] for last in both.values())
    how_far = f"{least:.1f} to {furthest:.1f} epochs" if furthest - least >= 0.05 else f"{furthest:.1f} epochs"
    lines = ["thin: training loss"]
    for where, line in (("clips", "solid"), ("soundscapes", "dashed")):
        if any(_has(logs, f"{where}_{name}") for name in ("loss", *_METRICS)):
            lines.append(f"{line}: {where}")
    lines[-1] += " (and the numbers)" if len(lines) > 1 else ""
    stem = os.path.commonprefix([f"{name}-" for name in both]).rpartition("-")[0]
    return f"{len(both)} trainings{f' of {stem}' if stem else ''}, {how_far}    " + ", ".join(lines)


def _short_names(names: list[str]) -> dict[str, str]:
    """What tells names apart: without the parts that all of them begin or end with."""
    parts = [name.split("-") for name in names]
    for end in (0, -1):
        while min(map(len, parts)) > 1 and len({words[end] for words in parts}) == 1:
            for words in parts:
                words.pop(end)
    return {name: "-".join(words) for name, words in zip(names, parts, strict=True)}


def _thinned(steps: pd.DataFrame, most: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """Epochs and losses of the steps, averaged in bins where there are many: single steps are noisy."""
    x, y = _points(steps, "loss")
    if len(x) <= most:
        return x, y
    starts = np.linspace(0, len(x), most, endpoint=False).astype(int)
    counts = np.diff(np.append(starts, len(x)))
    return np.add.reduceat(x, starts) / counts, np.add.reduceat(y, starts) / counts


def _points(table: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Epochs and values of a column, as far as they are known."""
    known = table.dropna(subset=column) if column in table else table[:0].assign(**{column: 0.0})
    return known["epoch"].to_numpy(), known[column].to_numpy()


def _marker(x: np.ndarray) -> str:
    """Few points are marked; of one alone there is no line to see."""
    return "o" if len(x) <= 12 else ""


def _digits(value: float) -> str:
    return f"{value:.3f}" if abs(value) >= 0.1 else f"{value:#.2g}"


def _has(logs: Mapping[str, Tables], column: str) -> bool:
    """Whether any training has values in this column of its epochs."""
    return any(column in epochs and epochs[column].notna().any() for _, epochs in logs.values())
