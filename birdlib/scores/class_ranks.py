"""Ranks of the rows within each class, for scores whose scales differ."""

import numpy as np
import pandas as pd


def class_ranks(scores: np.ndarray) -> np.ndarray:
    """The share of the scored rows below each cell within its class, tied ones counted half.

    Args:
        scores: float [rows, classes]; NaN cells have no rank and count in none.

    Returns:
        float64 [rows, classes], between 0 and 1, never one of them.
    """
    ranks = pd.DataFrame(scores).rank().to_numpy()
    return (ranks - 0.5) / np.maximum((~np.isnan(scores)).sum(axis=0), 1)
