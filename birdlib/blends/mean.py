"""The mean blend: the plain average of the members' probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birdlib.scores.weighted_mean import weighted_mean


@dataclass(frozen=True)
class Mean:
    """The arithmetic mean."""

    def __call__(self, members: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
        """Blend probabilities, float32 [rows, classes] each, NaN where unknown; see ``weighted_mean``."""
        return weighted_mean(members, weights).astype(np.float32)
