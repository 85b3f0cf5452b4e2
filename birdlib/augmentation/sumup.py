"""sumup: two clips at once (BirdCLEF 2023, 7th place)."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from birdlib.augmentation.batch import Batch, mixture
from birdlib.augmentation.steps import WAVES, MixingStep


@dataclass(frozen=True)
class Sumup(MixingStep):
    """Each clip plus another one; the labels are those of both."""

    takes: ClassVar[str] = WAVES

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``partner``: int64 [batch], the clip that each is mixed with."""
        return {"partner": torch.randperm(len(batch), generator=generator)}

    def mix(self, batch: Batch, partner: torch.Tensor) -> Batch:
        """Waves [batch, samples] to waves of the same shape."""
        return mixture(batch, partner, batch.input + batch.input[partner], torch.add)
