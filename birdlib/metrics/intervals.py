"""Intervals of metrics: a bootstrap over groups of rows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from birdlib.errors import BirdlibError


class Interval(NamedTuple):
    """A metric with its 95 % bootstrap interval; None where it is undefined or has none."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        value = "undefined" if self.value is None else f"{self.value:.4f}"
        return value if self.low is None else f"{value} ({self.low:.4f} to {self.high:.4f})"


def group_draws(groups: Sequence[str] | Sequence[int], repeats: int = 200, seed: int = 0) -> np.ndarray:
    """How often each row is in each of several draws of whole groups with replacement, float32 [rows, draws].

    Rows of one author, or of one soundscape, are far from independent. The same groups give the same draws, whatever
    the scores, so that the draws of two tables can be compared one by one. Of one group there is no draw.

    Args:
        groups: what each row belongs to.
    """
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2 or not repeats:
        return np.empty((len(member), 0), np.float32)
    random = np.random.default_rng(seed)
    drawn = (random.integers(len(names), size=len(names)) for _ in range(repeats))
    times = np.stack([np.bincount(draw, minlength=len(names)) for draw in drawn])
    return times.T[member].astype(np.float32)


def ends_of(draws: np.ndarray) -> tuple[float | None, float | None]:
    """The 95 % interval of a metric's draws, float64 [draws]; None where most of them are undefined."""
    known = ~np.isnan(draws)
    if not len(draws) or known.mean() <= 0.5:
        return None, None
    low, high = np.quantile(draws[known], [0.025, 0.975])
    return float(low), float(high)


def check_groups(groups: Sequence, rows: int) -> None:
    """Raise BirdlibError unless there is a group for each row."""
    if len(groups) != rows:
        raise BirdlibError(f"{len(groups)} group names for {rows} rows")
