"""Top-k scaling: a class that is sure nowhere in a file loses in all of its windows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birdlib.components import check_number
from birdlib.scores.row_layout import RowLayout


@dataclass(frozen=True)
class TopKScaling:
    """Multiplies each class by (the mean of its largest probabilities in the file) to a power.

    Args:
        k: how many of the largest probabilities are averaged; of fewer windows all.
        power: 0 changes nothing.
    """

    k: int
    power: float

    def __post_init__(self) -> None:
        check_number(self, "k", 1, whole=True)
        check_number(self, "power", 0, 10)

    def __call__(self, probabilities: np.ndarray, layout: RowLayout, taxa: Sequence[str] | None) -> np.ndarray:
        """Scale probabilities, float32 [rows, classes], file by file; NaN cells stay out."""
        scaled = probabilities.copy()
        for rows in layout.files:
            largest = -np.sort(-probabilities[rows], axis=0)[: self.k]  # NaN comes last
            count = (~np.isnan(largest)).sum(axis=0)
            mean = np.nansum(largest, axis=0) / np.maximum(count, 1)
            scaled[rows] *= (mean**self.power).astype(np.float32)
        return scaled
