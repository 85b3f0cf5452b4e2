"""Power: probabilities to a power, which sharpens or flattens what a later step makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birdlib.components import check_number
from birdlib.scores.row_layout import RowLayout


@dataclass(frozen=True)
class ProbabilityPower:
    """Raises each probability to a power. By itself it keeps the order of the rows within each class.

    Args:
        exponent: above 1 low probabilities fall the most.
    """

    exponent: float

    def __post_init__(self) -> None:
        check_number(self, "exponent", 0.01, 100)

    def __call__(self, probabilities: np.ndarray, layout: RowLayout, taxa: Sequence[str] | None) -> np.ndarray:
        """Raise probabilities, float32 [rows, classes]; NaN cells stay NaN."""
        return (probabilities**self.exponent).astype(np.float32)
