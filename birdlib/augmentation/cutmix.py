"""cutmix of mel spectrograms (Yun et al. 2019)."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from birdlib.augmentation.batch import Batch, mixture
from birdlib.augmentation.shares import draw_shares, mean_by
from birdlib.augmentation.steps import MELS, MixingStep
from birdlib.components import check_number


@dataclass(frozen=True)
class Cutmix(MixingStep):
    """A box of each clip's mel spectrogram comes from another one.

    The box covers 1 - Beta(alpha, alpha) of the area around a random cell, less what lies beyond the edges; targets
    are shared by the cells that really came from either.

    Attributes:
        alpha: of the Beta distribution.
    """

    alpha: float

    takes: ClassVar[str] = MELS

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "alpha", 0.01, 1000)  # 0.01 is a coin already; below, draws underflow

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``partner`` int64 [batch]; ``box`` int64 [batch, 4]: first and last band, first and last frame, ends open."""
        size = len(batch)
        partner = torch.randperm(size, generator=generator)
        side = (1 - draw_shares(self.alpha, size, generator)).clamp(0, 1).sqrt()
        edges = []
        for length, place in zip(batch.input.shape[2:], torch.rand(2, size, generator=generator), strict=True):
            centre, cells = (place * length).long(), (side * length).long()
            edges += [(centre - cells // 2).clamp(0, length), (centre + (cells + 1) // 2).clamp(0, length)]
        return {"partner": partner, "box": torch.stack(edges, dim=1)}

    def mix(self, batch: Batch, partner: torch.Tensor, box: torch.Tensor) -> Batch:
        """Mels [batch, 1, n_mels, frames] to mels of the same shape."""
        mel = batch.input
        bands = torch.arange(mel.shape[2], device=mel.device)[None, None, :, None]
        frames = torch.arange(mel.shape[3], device=mel.device)[None, None, None, :]
        low, high, first, last = box[:, :, None, None, None].unbind(1)
        cut = (bands >= low) & (bands < high) & (frames >= first) & (frames < last)
        own = 1 - ((high - low) * (last - first)).flatten() / mel[0].numel()
        return mixture(batch, partner, torch.where(cut, mel[partner], mel), mean_by(own))
