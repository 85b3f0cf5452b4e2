"""Every clip once an epoch, in random order."""

from dataclasses import dataclass

import numpy as np

from birdlib.data.clip_table import ClipTable


@dataclass(frozen=True)
class Uniform:
    """Every clip once an epoch, in random order."""

    def size(self, table: ClipTable) -> int:
        """Clips of one epoch."""
        return len(table)

    def __call__(self, table: ClipTable, random: np.random.Generator) -> np.ndarray:
        """An epoch's rows in their order, int64 [size]."""
        return random.permutation(len(table))
