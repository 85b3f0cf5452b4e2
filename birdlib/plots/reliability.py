"""A picture of how far probabilities can be trusted."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from birdlib.errors import BirdlibError
from birdlib.plots.style import CLIPS, FAINT, INK, TRAINING, WIDTH, plain, plain_numbers


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
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(WIDTH, 3.8), layout="constrained", gridspec_kw={"width_ratios": [1, 1.5]}
    )
    _draw_calibration(left, true, probability, bins)
    _draw_spread(right, true, probability)
    return figure


def _draw_calibration(axis: Axes, true: np.ndarray, probability: np.ndarray, bins: int) -> None:
    place = np.minimum((probability * bins).astype(int), bins - 1)
    cells = np.bincount(place, minlength=bins)
    filled = np.flatnonzero(cells)
    given = np.bincount(place, probability, minlength=bins)[filled] / cells[filled]
    hits = np.bincount(place, true, minlength=bins)[filled]
    shares = hits / cells[filled]
    error = np.average(np.abs(shares - given), weights=cells[filled])
    plain(axis, f"reliability (calibration error {error:.3f})")
    axis.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axis.text(0.05, 0.95, "too cautious", color=TRAINING, fontsize=8.5, va="top")
    axis.text(0.97, 0.05, "too sure", color=TRAINING, fontsize=8.5, ha="right")
    low, high = _wilson(hits, cells[filled])
    axis.errorbar(
        given,
        shares,
        yerr=[np.maximum(shares - low, 0), np.maximum(high - shares, 0)],
        color=CLIPS,
        marker="o",
        markersize=4.5,
        linewidth=1.6,
        elinewidth=1,
        clip_on=False,
    )
    axis.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="probability given", ylabel="share that was true")


def _draw_spread(axis: Axes, true: np.ndarray, probability: np.ndarray) -> None:
    plain(axis, f"{true.size:,} probabilities")
    edges = np.linspace(0, 1, 41)
    absent = axis.hist(probability[~true], edges, color=FAINT)[0]
    present = np.histogram(probability[true], edges)[0]
    axis.stairs(present, edges, baseline=None, color=CLIPS, linewidth=1.6)
    axis.set_yscale("log")
    most = max(absent.max(), present.max(), 1)
    axis.set(xlim=(0, 1), ylim=(0.7, 4 * most), xlabel="probability given", ylabel="count")
    plain_numbers(axis, subs=(1.0,))
    at_the_right = {"transform": axis.transAxes, "ha": "right", "va": "top"}
    axis.text(0.98, 0.95, f"bird there ({true.sum():,})", color=CLIPS, **at_the_right)
    axis.text(0.98, 0.87, f"not there ({(~true).sum():,})", color=TRAINING, **at_the_right)


def _wilson(hits: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of shares, defined also where all or none are hits."""
    z = 1.96
    share = hits / cells
    middle = (share + z**2 / (2 * cells)) / (1 + z**2 / cells)
    half = z / (1 + z**2 / cells) * np.sqrt(share * (1 - share) / cells + z**2 / (4 * cells**2))
    return middle - half, middle + half
