"""The rank blend, for members whose probabilities are on different scales."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birdlib.scores.class_ranks import class_ranks
from birdlib.scores.weighted_mean import weighted_mean


@dataclass(frozen=True)
class Rank:
    """The mean of the rows' ranks within each class, from 0 to 1; see ``class_ranks``."""

    def __call__(self, members: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
        """Blend probabilities, float32 [rows, classes] each, NaN where unknown; see ``weighted_mean``."""
        return weighted_mean(map(class_ranks, members), weights).astype(np.float32)
