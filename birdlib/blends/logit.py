"""The logit blend: members that are sure count more than in the mean of probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from birdlib.scores.weighted_mean import weighted_mean

# The least and the largest probability in float32 that have a finite logit.
_LOWEST, _HIGHEST = np.finfo(np.float32).tiny, 1 - 2.0**-24


@dataclass(frozen=True)
class Logit:
    """The sigmoid of the mean logit."""

    def __call__(self, members: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
        """Blend probabilities, float32 [rows, classes] each, NaN where unknown; see ``weighted_mean``."""
        logits = (logit(member.astype(np.float64).clip(_LOWEST, _HIGHEST)) for member in members)
        return expit(weighted_mean(logits, weights)).astype(np.float32)
