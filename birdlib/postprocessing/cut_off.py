"""Cut-off: classes that are never likely anywhere are taken for absent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birdlib.components import check_number
from birdlib.scores.row_layout import RowLayout


@dataclass(frozen=True)
class CutOff:
    """Sets a class to 0 in all rows where none of them is above a threshold.

    Args:
        threshold: a probability.
    """

    threshold: float

    def __post_init__(self) -> None:
        check_number(self, "threshold", 0, 1)

    def __call__(self, probabilities: np.ndarray, layout: RowLayout, taxa: Sequence[str] | None) -> np.ndarray:
        """Cut classes of probabilities, float32 [rows, classes], over all files together; NaN cells stay NaN."""
        highest = np.fmax.reduce(probabilities, axis=0, initial=0.0)
        return np.where(np.isnan(probabilities) | (highest > self.threshold), probabilities, np.float32(0))
