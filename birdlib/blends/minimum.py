"""The minimum blend: a class counts only where no member doubts it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Minimum:
    """The smallest probability; of the weights counts only whether they are above 0."""

    def __call__(self, members: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
        """Blend probabilities, float32 [rows, classes] each, NaN where unknown; NaN where no member knows."""
        counted = (np.where(weight > 0, member, np.nan) for member, weight in zip(members, weights, strict=True))
        smallest = next(counted)
        for member in counted:
            smallest = np.fmin(smallest, member)
        return smallest.astype(np.float32)
