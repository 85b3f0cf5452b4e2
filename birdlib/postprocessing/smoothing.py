"""Smoothing: each window takes a share of its neighbours' scores."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from birdlib.components import where
from birdlib.errors import BirdlibError
from birdlib.scores.row_layout import RowLayout
from birdlib.scores.taxonomy import check_taxa


@dataclass(frozen=True)
class Smoothing:
    """Weighted means over neighbouring windows of a file; beyond its ends the weights of the others count.

    Args:
        kernel: weights of the windows before, the window itself and those after, an odd number of them.
        taxa: kernels of single taxa, such as ``{ Insecta = [1, 1, 1, 1, 1], Aves = [1] }``.
    """

    kernel: Sequence[float]
    taxa: dict[str, Sequence[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.taxa, dict):
            raise BirdlibError(f"{where(self)}: taxa = {self.taxa!r}; expected a table of taxa and their kernels")
        for name, kernel in {"kernel": self.kernel, **self.taxa}.items():
            if not _is_kernel(kernel):
                raise BirdlibError(
                    f"{where(self)}: {name} = {kernel!r}; expected an odd number of weights, 0 or more, the middle "
                    "one above 0"
                )

    def __call__(self, probabilities: np.ndarray, layout: RowLayout, taxa: Sequence[str] | None) -> np.ndarray:
        """Smooth probabilities, float32 [rows, classes], file by file; NaN cells stay out."""
        check_taxa(list(self.taxa), taxa, where(self))
        smoothed = probabilities.copy()
        of_class = np.array(["" for _ in range(probabilities.shape[1])] if taxa is None else taxa)
        others = ~np.isin(of_class, list(self.taxa))
        for columns, kernel in [(others, self.kernel), *((of_class == name, own) for name, own in self.taxa.items())]:
            if columns.any() and len(kernel) > 1:
                for rows in layout.files:
                    cells = np.ix_(rows, columns)
                    smoothed[cells] = _smoothed(probabilities[cells], kernel)
        return smoothed


def _is_kernel(kernel: object) -> bool:
    try:
        weights = np.array(kernel, np.float64)
    except (TypeError, ValueError):
        return False
    odd = weights.ndim == 1 and len(weights) % 2 == 1
    return bool(odd and np.isfinite(weights).all() and (weights >= 0).all() and weights[len(weights) // 2] > 0)


def _smoothed(values: np.ndarray, kernel: Sequence[float]) -> np.ndarray:
    """values: float [windows, classes] of one file in order of time."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    total, weight = np.zeros(values.shape), np.zeros(values.shape)
    for shift, share in enumerate(kernel, -(len(kernel) // 2)):
        if abs(shift) < len(values):
            own = slice(max(-shift, 0), len(values) - max(shift, 0))
            neighbour = slice(max(shift, 0), len(values) - max(-shift, 0))
            total[own] += share * filled[neighbour]
            weight[own] += share * known[neighbour]
    return np.where(known, total / np.where(known, weight, 1.0), np.nan)
