"""What masks of frames and of bands share (SpecAugment, Park et al. 2019)."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.steps import MELS, ClipStep
from birdlib.components import check_number


@dataclass(frozen=True)
class MaskStep(ClipStep):
    """Strips of a mel spectrogram become the clip's mean.

    Attributes:
        most: the widest strip's share of the axis; widths are drawn uniformly from 0 to it.
        count: strips of a clip, which may overlap.
        axis: of mel spectrograms [clips, 1, n_mels, frames].
    """

    most: float = 0.1
    count: int = 2

    takes: ClassVar[str] = MELS
    axis: ClassVar[int]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "most", 0, 1)
        check_number(self, "count", 1, whole=True)

    def draw(
        self, shape: torch.Size, generator: torch.Generator, context: AugmentationContext
    ) -> dict[str, torch.Tensor]:
        """``first`` and ``end``, int64 [clips, count]: of each strip, the end open."""
        size, length = (shape[0], self.count), shape[self.axis]
        width = torch.randint(int(self.most * length) + 1, size, generator=generator)
        first = (torch.rand(size, generator=generator) * (length - width + 1)).long()
        return {"first": first, "end": first + width}

    def change(self, clips: torch.Tensor, first: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
        """Mels [clips, 1, n_mels, frames] to mels of the same shape."""
        place = torch.arange(clips.shape[self.axis], device=clips.device)
        masked = ((place >= first[..., None]) & (place < end[..., None])).any(1)
        shape = [len(clips), 1, 1, 1]
        shape[self.axis] = -1
        return torch.where(masked.view(shape), clips.mean((1, 2, 3), keepdim=True), clips)
