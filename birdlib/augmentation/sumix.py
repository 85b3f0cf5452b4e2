"""sumix: two clips at once, at random volumes (BirdCLEF 2023, 7th place)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from birdlib.augmentation.batch import Batch, each, mixture
from birdlib.augmentation.steps import WAVES, MixingStep
from birdlib.components import check_number, where
from birdlib.errors import BirdlibError

# Points (coefficient, label factor) of the curves that have a name.
LABEL_CURVES: dict[str, tuple[tuple[float, float], ...]] = {
    "saturating": ((0.0, 0.0), (0.5, 1.0)),  # the recipe's: 1 - 2 * (0.5 - c) below 0.5
    "proportional": ((0.0, 0.0), (1.0, 1.0)),
    "full": ((0.0, 1.0),),  # a bird counts in full, however quiet
}


@dataclass(frozen=True)
class Sumix(MixingStep):
    """Each clip and another one, both scaled at random, summed; a quiet clip's labels count less.

    The wave is not brought back to its old loudness.

    Attributes:
        low, high: the coefficients of both are drawn uniformly between them.
        curve: from a clip's coefficient to the factor of its labels: a name of ``LABEL_CURVES``, or points
            ``[coefficient, factor]`` that are joined by straight lines and go on level beyond the first and last.
    """

    low: float
    high: float
    curve: str | Sequence[Sequence[float]] = "saturating"

    takes: ClassVar[str] = WAVES

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "low", 0)
        check_number(self, "high", self.low)
        if self.high == 0:
            raise BirdlibError(f"{where(self)}: high = 0 leaves no sound; choose a higher one")
        label_points(self.curve)

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``partner`` int64 [batch]; ``own`` and ``other`` float32 [batch], the coefficients; their label factors."""
        size = len(batch)
        partner = torch.randperm(size, generator=generator)
        own, other = self.low + (self.high - self.low) * torch.rand(2, size, generator=generator)
        factors = {"own_factor": self.label_factor(own), "other_factor": self.label_factor(other)}
        return {"partner": partner, "own": own, "other": other, **factors}

    def label_factor(self, coefficient: torch.Tensor) -> torch.Tensor:
        """The factor of a clip's labels, float32 of the coefficient's shape."""
        at, factor = zip(*label_points(self.curve), strict=True)
        return torch.from_numpy(np.interp(coefficient.numpy(), at, factor).astype(np.float32))

    def mix(
        self,
        batch: Batch,
        partner: torch.Tensor,
        own: torch.Tensor,
        other: torch.Tensor,
        own_factor: torch.Tensor,
        other_factor: torch.Tensor,
    ) -> Batch:
        """Waves [batch, samples] to waves of the same shape."""
        wave = each(own, batch.input) * batch.input + each(other, batch.input) * batch.input[partner]
        return mixture(batch, partner, wave, lambda a, b: each(own_factor, a) * a + each(other_factor, b) * b)


def label_points(curve: str | Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    """The points of a label curve.

    Raises:
        BirdlibError: the name is unknown, or the points are none: coefficients from 0 on that rise, factors in 0 to 1.
    """
    told = f"augmentation: sumix: curve = {curve!r}; expected"
    if isinstance(curve, str):
        if curve not in LABEL_CURVES:
            raise BirdlibError(f"{told} one of {sorted(LABEL_CURVES)} or points")
        return LABEL_CURVES[curve]
    try:
        points = tuple((float(at), float(factor)) for at, factor in curve)
    except (TypeError, ValueError):
        points = ()
    rise = all(left[0] < right[0] for left, right in zip(points, points[1:], strict=False))
    if not points or not rise or not all(0 <= at < math.inf and 0 <= factor <= 1 for at, factor in points):
        raise BirdlibError(
            f"{told} points [coefficient, factor] with rising coefficients from 0 and factors up to 1, "
            "as [[0.0, 0.0], [0.5, 1.0]]"
        )
    return points
