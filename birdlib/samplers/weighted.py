"""Clips drawn by the weights of their table."""

from dataclasses import dataclass

import numpy as np

from birdlib.components import check_number
from birdlib.data.clip_table import ClipTable
from birdlib.errors import BirdlibError


@dataclass(frozen=True)
class Weighted:
    """Clips drawn with replacement, each as often as its weight says.

    Attributes:
        clips: of one epoch; 0: as many as the table has.
        power: of the weights; 0 draws evenly.
    """

    clips: int = 0
    power: float = 1.0

    def __post_init__(self) -> None:
        check_number(self, "clips", 0, whole=True)

    def size(self, table: ClipTable) -> int:
        """Clips of one epoch."""
        return self.clips or len(table)

    def __call__(self, table: ClipTable, random: np.random.Generator) -> np.ndarray:
        """An epoch's rows in their order, int64 [size]."""
        weights = table.rows["weight"].to_numpy(np.float64) ** self.power
        if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
            raise BirdlibError("sampler weighted: weights of clips must be numbers from 0 on, one of them above it")
        return random.choice(len(table), self.size(table), p=weights / weights.sum())
