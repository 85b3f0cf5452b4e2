"""Pictures of a competition's recordings: how long, how many of each class, in which fold."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator, PercentFormatter, ScalarFormatter

from birdlib.plots.style import CLIPS, GREY, INK, SOUNDSCAPES, WIDTH, plain

_MOST_NAMES = 60  # beyond so many classes their names would not be readable


def plot_durations(recordings: pd.DataFrame, window_seconds: float) -> Figure:
    """How long the recordings are, beside the length of a clip.

    Args:
        recordings: a column seconds.
    """
    seconds = recordings["seconds"].to_numpy()
    short = int((seconds < window_seconds).sum())
    figure, axis = plt.subplots(figsize=(WIDTH, 2.8), layout="constrained")
    low, high = min(seconds.min(), window_seconds / 2), max(seconds.max(), window_seconds * 2)
    plain(axis, f"{len(seconds):,} recordings, {seconds.sum() / 3600:,.1f} hours, median {np.median(seconds):.0f} s")
    # A clip's length is an edge, so that the line parts the shorter recordings from the others.
    step = np.log(high / low) / 60
    edges = np.arange(np.floor(np.log(low / window_seconds) / step), np.ceil(np.log(high / window_seconds) / step) + 1)
    axis.hist(seconds, bins=window_seconds * np.exp(step * edges), color=CLIPS)
    axis.axvline(window_seconds, color=INK, linewidth=0.8, linestyle="--")
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(ScalarFormatter())
    axis.set_xticks([tick for tick in (1, 2, 5, 10, 20, 60, 120, 300, 600, 1800) if low <= tick <= high])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(
        xlabel=f"seconds (dashed: a clip of {window_seconds:g} s; {short:,} recordings are shorter)",
        ylabel="recordings",
    )
    return figure


def plot_class_counts(recordings: pd.DataFrame, classes: tuple[str, ...]) -> Figure:
    """Recordings of each class, the commonest first, and in how many more it is a secondary label.

    Args:
        recordings: columns primary_label and secondary_labels (space separated).
    """
    primary = recordings["primary_label"].value_counts().reindex(classes, fill_value=0)
    secondary = recordings["secondary_labels"].str.split().explode().value_counts().reindex(classes, fill_value=0)
    order = primary.sort_values(ascending=False, kind="stable").index
    places = np.arange(len(order))
    width = 1 if len(order) > _MOST_NAMES else 0.8
    figure, axis = plt.subplots(figsize=(WIDTH, 3.2), layout="constrained")
    plain(axis, f"{primary.max():,} recordings of the commonest class, {primary.min():,} of the rarest")
    axis.bar(places, primary[order], width, color=CLIPS, label="primary label")
    if secondary.any():
        axis.bar(places, secondary[order], width, primary[order], color=SOUNDSCAPES, label="secondary label")
        # Right above the axes, where no bar can be.
        axis.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderpad=0, fontsize=8.5)
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    if len(order) > _MOST_NAMES:
        axis.set_xlabel(f"{len(order)} classes, the commonest first")
    else:
        axis.set_xticks(places, order, rotation=90, fontsize=8)
    axis.set(xlim=(-0.6, len(order) - 0.4), ylabel="recordings")
    return figure


def plot_folds(recordings: pd.DataFrame, n_folds: int) -> Figure:
    """Recordings in each fold, and how each label's recordings are spread over the folds.

    Args:
        recordings: columns primary_label and fold (int; -1 for always in training).
    """
    counts = pd.crosstab(recordings["primary_label"], recordings["fold"])
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    folds = [fold for fold in (*range(n_folds), -1) if fold in counts]
    counts = counts[folds]
    rows = np.arange(len(folds))
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(WIDTH, 0.42 * len(folds) + 1.3), sharey=True, layout="constrained", width_ratios=[1, 2]
    )
    plain(left, "recordings")
    bars = left.barh(rows, counts.sum(), color=[GREY if fold == -1 else CLIPS for fold in folds])
    left.bar_label(bars, labels=[f"{count:,}" for count in counts.sum()], fontsize=8, padding=2)
    left.margins(x=0.2)
    left.set_yticks(rows, ["always in training" if fold == -1 else f"fold {fold}" for fold in folds])
    left.grid(visible=False)
    shares = counts.div(counts.sum(axis=1), axis=0).to_numpy()
    image = right.imshow(shares.T, aspect="auto", cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain(right, f"share of each label's recordings (even: {1 / n_folds:.0%})")
    right.grid(visible=False)
    right.set(xlabel=f"{len(counts)} labels, the commonest first")
    figure.colorbar(image, ax=right, format=PercentFormatter(xmax=1))
    return figure
