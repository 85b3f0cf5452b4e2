"""Mixing of waves: sumup, sumix and concatmix (BirdCLEF 2023, 7th place).

Every mixing draws what it needs on the CPU and then mixes on the batch's device, so that the same generator gives the
same batch everywhere. Where a target of either clip is unknown (weight 0), that of the mixture is, unless it is 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from birdlib.augmentation.batch import Batch, mixed_weights
from birdlib.augmentation.parameters import checked_number
from birdlib.errors import BirdlibError


@dataclass(frozen=True)
class SumUp:
    """Each clip plus another one; the labels are those of both."""

    name: ClassVar[str] = "sumup"

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``partner``: int64 [batch], the clip that each is mixed with."""
        return {"partner": torch.randperm(len(batch), generator=generator)}

    def mix(self, batch: Batch, partner: torch.Tensor) -> Batch:
        """Waves [batch, samples] to waves of the same shape."""
        targets = (batch.targets + batch.targets[partner]).clamp(0, 1)
        return Batch(
            batch.input + batch.input[partner],
            targets,
            mixed_weights(targets, batch.weights, batch.weights[partner]),
            batch.parts,
        )


# Points (coefficient, label factor) of the curves that have a name.
LABEL_CURVES: dict[str, tuple[tuple[float, float], ...]] = {
    "saturating": ((0.0, 0.0), (0.5, 1.0)),  # the recipe's: 1 - 2 * (0.5 - c) below 0.5
    "proportional": ((0.0, 0.0), (1.0, 1.0)),
    "full": ((0.0, 1.0),),  # a bird counts in full, however quiet
}


@dataclass(frozen=True)
class SumIx:
    """Each clip and another one, both scaled at random, summed; a quiet clip's labels count less.

    The wave is not brought back to its old loudness.

    Args:
        low, high: the coefficients of both are drawn uniformly between them.
        curve: from a clip's coefficient to the factor of its labels: a name of ``LABEL_CURVES``, or points
            ``[coefficient, factor]`` that are joined by straight lines and go on level beyond the first and last.
    """

    low: float
    high: float
    curve: str | Sequence[Sequence[float]] = "saturating"

    name: ClassVar[str] = "sumix"

    def __post_init__(self) -> None:
        low = checked_number(self.name, "low", self.low, 0)
        if checked_number(self.name, "high", self.high, low) == 0:
            raise BirdlibError(f"augmentation {self.name}: high = 0 leaves no sound; choose a higher one")
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
        wave = own[:, None] * batch.input + other[:, None] * batch.input[partner]
        targets = own_factor[:, None] * batch.targets + other_factor[:, None] * batch.targets[partner]
        targets = targets.to(batch.targets.dtype).clamp(0, 1)
        return Batch(
            wave.to(batch.input.dtype),
            targets,
            mixed_weights(targets, batch.weights, batch.weights[partner]),
            batch.parts,
        )


def label_points(curve: str | Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    """The points of a label curve.

    Raises:
        BirdlibError: the name is unknown, or the points are none: coefficients from 0 on that rise, factors in 0 to 1.
    """
    if isinstance(curve, str):
        if curve not in LABEL_CURVES:
            raise BirdlibError(
                f"augmentation sumix: curve = {curve!r}; expected one of {sorted(LABEL_CURVES)} or points"
            )
        return LABEL_CURVES[curve]
    try:
        points = tuple(
            (checked_number("sumix", "curve's coefficient", at, 0), checked_number("sumix", "curve's factor", f, 0, 1))
            for at, f in curve
        )
    except (TypeError, ValueError):
        points = ()
    if not points or any(left[0] >= right[0] for left, right in zip(points, points[1:], strict=False)):
        raise BirdlibError(
            f"augmentation sumix: curve = {curve!r}; expected points [coefficient, factor] with rising coefficients, "
            "as [[0.0, 0.0], [0.5, 1.0]]"
        )
    return points


@dataclass(frozen=True)
class ConcatMix:
    """Each clip and another one joined in time; the labels are those of both (BirdCLEF 2022, 3rd place).

    The partners are the batch rolled by one random shift: never oneself, but in a batch of one.

    Args:
        reading: what the write-up left unsaid. "doubled", the default and the original's: clips twice as long, whose
            two windows the backbone sees one by one (``parts``), so that nothing of either bird is lost; such a batch
            costs the backbone twice the time. "halves", the cheap one: the first half of the one and the second half
            of the other, no longer than before.
    """

    reading: str = "doubled"

    name: ClassVar[str] = "concatmix"

    def __post_init__(self) -> None:
        if self.reading not in ("doubled", "halves"):
            raise BirdlibError(f"augmentation concatmix: reading = {self.reading!r}; expected 'doubled' or 'halves'")

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``partner``: int64 [batch], the clip that each is joined to."""
        size = len(batch)
        shift = torch.randint(1, max(size, 2), (), generator=generator)
        return {"partner": (torch.arange(size) + shift) % size}

    def mix(self, batch: Batch, partner: torch.Tensor) -> Batch:
        """Waves [batch, samples] to waves [batch, 2 * samples], or [batch, samples] where they are halves."""
        wave, parts = batch.input, batch.parts
        if self.reading == "doubled":
            wave, parts = torch.cat([wave, wave[partner]], dim=1), 2 * parts
        else:
            middle = wave.shape[1] // 2
            wave = torch.cat([wave[:, :middle], wave[partner, middle:]], dim=1)
        targets = torch.maximum(batch.targets, batch.targets[partner])
        return Batch(wave, targets, mixed_weights(targets, batch.weights, batch.weights[partner]), parts)
