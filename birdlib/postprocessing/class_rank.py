"""Rank: each score becomes its place among all rows of its class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birdlib.scores.class_ranks import class_ranks
from birdlib.scores.row_layout import RowLayout


@dataclass(frozen=True)
class ClassRank:
    """Replaces each probability by the share of its class's rows, of all files, that lie below it."""

    def __call__(self, probabilities: np.ndarray, layout: RowLayout, taxa: Sequence[str] | None) -> np.ndarray:
        """Rank probabilities, float32 [rows, classes], over all files together; NaN cells have no rank."""
        return class_ranks(probabilities).astype(np.float32)
