"""sumix: two clips at once, at random volumes (BirdCLEF 2023, 7th place)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, NamedTuple

import torch

from birdlib.augmentation.batch import Batch, each, mixture
from birdlib.augmentation.steps import WAVES, MixingStep
from birdlib.components import check_choice, check_number, where
from birdlib.errors import BirdlibError

# What a curve is a function of.
VOLUME, RELATIVE, SNR = "a clip's own coefficient", "that over the larger of both", "dB above the other clip"
_NOTHING = 1e-10  # stands for silence, which has no decibels


class LabelCurve(NamedTuple):
    """From how loud a clip is in the mixture to the factor of its labels: straight lines between points.

    Attributes:
        of: ``VOLUME``, ``RELATIVE`` or ``SNR``.
        points: (loudness, factor), rising; level before the first and beyond the last.
    """

    of: str
    points: tuple[tuple[float, float], ...]

    def __call__(self, loudness: torch.Tensor) -> torch.Tensor:
        """The factors, of the loudness's shape and device."""
        factor = torch.full_like(loudness, self.points[0][1])
        for (start, low), (end, high) in pairwise(self.points):
            factor += (high - low) * ((loudness - start) / (end - start)).clamp(0, 1)
        return factor


LABEL_CURVES = {
    "saturating": LabelCurve(VOLUME, ((0.0, 0.0), (0.5, 1.0))),  # the recipe's: 1 - 2 * (0.5 - c) below 0.5
    "proportional": LabelCurve(VOLUME, ((0.0, 0.0), (1.0, 1.0))),
    "full": LabelCurve(VOLUME, ((0.0, 1.0),)),  # a bird counts in full, however quiet
    "relative": LabelCurve(RELATIVE, ((0.0, 0.0), (0.5, 1.0))),  # the recipe's, of what a gain does not change
    "snr": LabelCurve(SNR, ((-24.0, 0.0), (-6.0, 1.0))),  # about the same in dB, of clips as loud as they are
}


@dataclass(frozen=True)
class Sumix(MixingStep):
    """Each clip and another one, both scaled at random, summed; a quiet clip's labels count less.

    The wave is not brought back to its old loudness.

    Attributes:
        low, high: the coefficients of both are drawn uniformly between them.
        curve: of the labels' factors: a name of ``LABEL_CURVES``, or points ``[coefficient, factor]`` that are joined
            by straight lines and go on level beyond the first and last. A gain of the whole mixture, which many front
            ends take out, changes the labels of "saturating", but not those of "relative" and "snr".
        level: whether the other clip is brought to the clip's own level (its mean power) before both are scaled.
    """

    low: float
    high: float
    curve: str | Sequence[Sequence[float]] = "saturating"
    level: bool = False

    takes: ClassVar[str] = WAVES

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "low", 0)
        check_number(self, "high", self.low)
        if self.high == 0:
            raise BirdlibError(f"{where(self)}: high = 0 leaves no sound; choose a higher one")
        check_choice(self, "level", (False, True))
        label_curve(self.curve)

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``partner`` int64 [batch]; ``own`` and ``other`` float32 [batch], the coefficients."""
        size = len(batch)
        partner = torch.randperm(size, generator=generator)
        own, other = self.low + (self.high - self.low) * torch.rand(2, size, generator=generator)
        return {"partner": partner, "own": own, "other": other}

    def mix(self, batch: Batch, partner: torch.Tensor, own: torch.Tensor, other: torch.Tensor) -> Batch:
        """Waves [batch, samples] to waves of the same shape."""
        curve, wave = label_curve(self.curve), batch.input
        drawn = torch.stack([own, other])
        levels = torch.linalg.vector_norm(wave, dim=1)
        levels = torch.stack([levels, levels[partner]])
        volumes = drawn
        if self.level:
            # A silent clip has no level, neither one to bring the other to nor one that could be changed.
            gain = torch.where((levels > 0).all(0), levels[0] / levels[1], 1.0)
            volumes = torch.stack([own, other * gain])
        if curve.of == VOLUME:
            factors = curve(drawn)
        elif curve.of == RELATIVE:
            factors = curve(drawn / drawn.amax(0).clamp_min(_NOTHING))
        else:
            decibels = 20 * (volumes * levels).clamp_min(_NOTHING).log10()
            factors = curve(decibels - decibels.flip(0))
        mixed = each(volumes[0], wave) * wave + each(volumes[1], wave) * wave[partner]
        return mixture(batch, partner, mixed, lambda a, b: each(factors[0], a) * a + each(factors[1], b) * b)


def label_curve(curve: str | Sequence[Sequence[float]]) -> LabelCurve:
    """The label curve of a name, or through points.

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
    rise = all(left[0] < right[0] for left, right in pairwise(points))
    if not points or not rise or not all(0 <= at < math.inf and 0 <= factor <= 1 for at, factor in points):
        raise BirdlibError(
            f"{told} points [coefficient, factor] with rising coefficients from 0 and factors up to 1, "
            "as [[0.0, 0.0], [0.5, 1.0]]"
        )
    return LabelCurve(VOLUME, points)
