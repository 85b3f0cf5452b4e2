"""The layout of a table's rows: which of them are windows of one recording, in which order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from birdlib.competition.rows import split_row_id
from birdlib.errors import BirdlibError


@dataclass(frozen=True)
class RowLayout:
    """The file of each row and its place in time.

    Attributes:
        file: int64 [rows], a number for each recording; a row id that names no window has a number of its own.
        end: float64 [rows], the second at which the row's window ends.
    """

    file: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, row_ids: Sequence[str]) -> "RowLayout":
        """Read the layout off row ids such as "soundscape_29201_5", which may be in any order."""
        numbers: dict[object, int] = {}
        file, end = np.zeros(len(row_ids), np.int64), np.zeros(len(row_ids))
        for row, row_id in enumerate(row_ids):
            try:
                key, end[row] = split_row_id(row_id)
            except BirdlibError:
                key = row
            file[row] = numbers.setdefault(key, len(numbers))
        return cls(file, end)

    @cached_property
    def files(self) -> list[np.ndarray]:
        """The rows of each file in order of time, int64 [windows] each."""
        order = np.lexsort((self.end, self.file))
        return np.split(order, np.flatnonzero(np.diff(self.file[order])) + 1) if len(order) else []

    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """Find the rows that are named twice.

        Returns:
            The first row of each window, int64 [windows], and the window of each row, int64 [rows].
        """
        windows: dict[tuple[int, float], int] = {}
        keys = zip(self.file.tolist(), self.end.tolist(), strict=True)
        window = np.array([windows.setdefault(key, len(windows)) for key in keys], np.int64)
        return np.unique(window, return_index=True)[1], window

    def take(self, rows: np.ndarray) -> "RowLayout":
        """The layout of some of the rows, int64 [n]."""
        return RowLayout(self.file[rows], self.end[rows])
