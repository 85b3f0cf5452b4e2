"""Every clip once an epoch, and clips of rare classes more often."""

from dataclasses import dataclass

import numpy as np

from birdlib.components import check_number
from birdlib.data.clip_table import ClipTable


@dataclass(frozen=True)
class Balanced:
    """Every clip once an epoch, and those of rare classes again until each class has been heard often enough.

    Attributes:
        least: clips of every class in an epoch that hold it (target 0.5 or more). A class without a clip has none.
    """

    least: int = 20

    def __post_init__(self) -> None:
        check_number(self, "least", 1, whole=True)

    def size(self, table: ClipTable) -> int:
        """Clips of one epoch."""
        return len(table) + int(self._missing(table).sum())

    def __call__(self, table: ClipTable, random: np.random.Generator) -> np.ndarray:
        """An epoch's rows in their order, int64 [size]."""
        drawn = [np.arange(len(table))]
        for c, missing in enumerate(self._missing(table)):
            if missing:
                rows = np.flatnonzero(table.targets[:, c] >= 0.5)
                # Whole rounds over the rows of the class, so that none is heard much more often than another.
                rounds = [random.permutation(rows) for _ in range(-(-missing // len(rows)))]
                drawn.append(np.concatenate(rounds)[:missing])
        return random.permutation(np.concatenate(drawn))

    def _missing(self, table: ClipTable) -> np.ndarray:
        """int64 [classes]: how many clips of each are to be added."""
        counts = (table.targets >= 0.5).sum(axis=0)
        return np.where(counts > 0, np.maximum(self.least - counts, 0), 0)
