"""Mixing of mel spectrograms: mixup and cutmix.

Like the mixing of waves: drawn on the CPU, mixed on the batch's device, unknown where either is and neither certain.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from birdlib.augmentation.batch import Batch, mixed_weights
from birdlib.augmentation.parameters import checked_number

# Beta(0.01, 0.01) is a coin already; below, draws underflow.
_SMALLEST_ALPHA, _LARGEST_ALPHA = 0.01, 1000.0


@dataclass(frozen=True)
class MixUp:
    """Weighted mean of each clip and another one, of inputs and targets alike (Zhang et al. 2018).

    Args:
        alpha: each clip's coefficient is drawn from Beta(alpha, alpha).
    """

    alpha: float

    name: ClassVar[str] = "mixup"

    def __post_init__(self) -> None:
        checked_number(self.name, "alpha", self.alpha, _SMALLEST_ALPHA, _LARGEST_ALPHA)

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``partner`` int64 [batch]; ``own`` float32 [batch], the share of the clip itself."""
        size = len(batch)
        return {
            "partner": torch.randperm(size, generator=generator),
            "own": _beta(self.alpha, size, generator),
        }

    def mix(self, batch: Batch, partner: torch.Tensor, own: torch.Tensor) -> Batch:
        """Mels [batch, 1, n_mels, frames] to mels of the same shape."""
        share = own.to(batch.input.dtype)[:, None, None, None]
        targets = _shared_targets(batch, partner, own)
        return Batch(
            torch.lerp(batch.input[partner], batch.input, share),
            targets,
            mixed_weights(targets, batch.weights, batch.weights[partner]),
            batch.parts,
        )


@dataclass(frozen=True)
class CutMix:
    """A box of each clip's mel spectrogram comes from another one (Yun et al. 2019).

    The box covers 1 - Beta(alpha, alpha) of the area around a random cell, less what lies beyond the edges; targets
    are shared by the cells that really came from either.

    Args:
        alpha: of the Beta distribution.
    """

    alpha: float

    name: ClassVar[str] = "cutmix"

    def __post_init__(self) -> None:
        checked_number(self.name, "alpha", self.alpha, _SMALLEST_ALPHA, _LARGEST_ALPHA)

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``partner`` int64 [batch]; ``box`` int64 [batch, 4]: first and last band, first and last frame, ends open."""
        size = len(batch)
        partner = torch.randperm(size, generator=generator)
        side = (1 - _beta(self.alpha, size, generator)).clamp(0, 1).sqrt()
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
        cells = ((high - low) * (last - first)).flatten()
        targets = _shared_targets(batch, partner, 1 - cells / mel[0].numel())
        return Batch(
            torch.where(cut, mel[partner], mel),
            targets,
            mixed_weights(targets, batch.weights, batch.weights[partner]),
            batch.parts,
        )


def _beta(alpha: float, size: int, generator: torch.Generator) -> torch.Tensor:
    """float32 [size] from Beta(alpha, alpha); torch's own Beta takes no generator."""
    seed = torch.randint(2**62, (), generator=generator).item()
    return torch.from_numpy(np.random.default_rng(seed).beta(alpha, alpha, size).astype(np.float32))


def _shared_targets(batch: Batch, partner: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    share = own.to(batch.targets.dtype)[:, None]
    return torch.lerp(batch.targets[partner], batch.targets, share).clamp(0, 1)
