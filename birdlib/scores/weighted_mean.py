"""The weighted mean of several members' scores, cell by cell."""

from collections.abc import Iterable, Sequence

import numpy as np


def weighted_mean(scores: Iterable[np.ndarray], weights: Sequence[float] | np.ndarray) -> np.ndarray:
    """The mean over the members that know a cell.

    Args:
        scores: float [rows, classes] of each member; NaN where it does not know.
        weights: float [members] or [members, classes], 0 or more; a member of weight 0 is not there.

    Returns:
        float64 [rows, classes]; NaN where no member of a weight above 0 knows.
    """
    total = known = 0.0
    for values, weight in zip(scores, np.asarray(weights, np.float64), strict=True):
        counted = ~np.isnan(values) & (weight > 0)
        with np.errstate(invalid="ignore"):  # 0 x infinity, of a member that does not count
            total = total + np.where(counted, values * weight, 0.0)
        known = known + np.where(counted, weight, 0.0)
    with np.errstate(invalid="ignore"):
        return np.divide(total, known)
