"""mixup of mel spectrograms (Zhang et al. 2018)."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from birdlib.augmentation.batch import Batch, mixture
from birdlib.augmentation.shares import draw_shares, mean_by
from birdlib.augmentation.steps import MELS, MixingStep
from birdlib.components import check_number


@dataclass(frozen=True)
class Mixup(MixingStep):
    """Weighted mean of each clip and another one, of inputs and targets alike.

    Attributes:
        alpha: each clip's coefficient is drawn from Beta(alpha, alpha).
    """

    alpha: float

    takes: ClassVar[str] = MELS

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "alpha", 0.01, 1000)  # 0.01 is a coin already; below, draws underflow

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``partner`` int64 [batch]; ``own`` float32 [batch], the share of the clip itself."""
        size = len(batch)
        return {"partner": torch.randperm(size, generator=generator), "own": draw_shares(self.alpha, size, generator)}

    def mix(self, batch: Batch, partner: torch.Tensor, own: torch.Tensor) -> Batch:
        """Mels [batch, 1, n_mels, frames] to mels of the same shape."""
        mean = mean_by(own)
        return mixture(batch, partner, mean(batch.input, batch.input[partner]), mean)
