"""The geometric blend: high where all members agree on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birdlib.scores.weighted_mean import weighted_mean


@dataclass(frozen=True)
class Geometric:
    """The geometric mean; 0 where a member says 0."""

    def __call__(self, members: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
        """Blend probabilities, float32 [rows, classes] each, NaN where unknown; see ``weighted_mean``."""
        with np.errstate(divide="ignore"):
            logarithms = [np.log(member.astype(np.float64)) for member in members]
        return np.exp(weighted_mean(logarithms, weights)).astype(np.float32)
