"""The power blend: between the mean and the largest or the smallest probability."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birdlib.components import check_number
from birdlib.scores.weighted_mean import weighted_mean


@dataclass(frozen=True)
class Power:
    """The power mean: the mean of the probabilities to a power, and the root of that.

    Args:
        exponent: 1 is the mean; the higher, the nearer to the largest probability; the lower, the nearer to the
            geometric mean.
    """

    exponent: float

    def __post_init__(self) -> None:
        check_number(self, "exponent", 0.01, 100)

    def __call__(self, members: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
        """Blend probabilities, float32 [rows, classes] each, NaN where unknown; see ``weighted_mean``."""
        powers = (member.astype(np.float64) ** self.exponent for member in members)
        return (weighted_mean(powers, weights) ** (1 / self.exponent)).astype(np.float32)
