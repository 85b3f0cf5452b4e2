"""File maximum: what is certain somewhere in a file is more likely in all of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birdlib.components import check_number
from birdlib.scores.row_layout import RowLayout


@dataclass(frozen=True)
class FileMaximum:
    """Mixes each class with its largest probability in the file.

    Args:
        share: of the maximum in the result; 1 gives all windows of a file the same score.
    """

    share: float

    def __post_init__(self) -> None:
        check_number(self, "share", 0, 1)

    def __call__(self, probabilities: np.ndarray, layout: RowLayout, taxa: Sequence[str] | None) -> np.ndarray:
        """Mix probabilities, float32 [rows, classes], file by file; NaN cells stay out."""
        mixed = probabilities.copy()
        for rows in layout.files:
            own = probabilities[rows]
            mixed[rows] = own + self.share * (np.fmax.reduce(own, axis=0) - own)
        return mixed
