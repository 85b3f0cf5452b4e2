"""A stand-in for an outside model: no network, but the shapes of one, for tests and rehearsals."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from birdlib.competition.class_lists import ClassList
from birdlib.outside.adapter import OutsideAdapter
from birdlib.outside.outside_model import Outputs, OutsideModel

_BANDS = 16


@dataclass(frozen=True, kw_only=True)
class StandIn(OutsideAdapter):
    """Hears how loud bands of frequency are: its embedding is their levels, and each class has a band of its own.

    Attributes:
        labels: of its classes; they are scientific names, too.
        sample_rate, window_seconds: see ``OutsideModel``.
    """

    labels: Sequence[str]
    sample_rate: int = 32000
    window_seconds: float = 3.0

    def load(self, folder: Path) -> OutsideModel:
        """As ``OutsideAdapter.load``; the folder may be empty."""
        classes = ClassList(tuple(self.labels), tuple(self.labels))
        return OutsideModel(self.title, self.sample_rate, self.window_seconds, classes, self._run)

    def _run(self, waves: np.ndarray) -> Outputs:
        powers = np.abs(np.fft.rfft(waves.astype(np.float64), axis=1)) ** 2
        bands = np.stack([band.mean(axis=1) for band in np.array_split(powers, _BANDS, axis=1)], axis=1)
        levels = np.log10(bands + 1e-6).astype(np.float32)
        return Outputs(levels[:, [number % _BANDS for number in range(len(self.labels))]], levels)
