"""Random volume."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.batch import each
from birdlib.augmentation.steps import WAVES, ClipStep, uniform
from birdlib.components import check_number


@dataclass(frozen=True)
class Gain(ClipStep):
    """A clip becomes louder or quieter, which a front end that normalises each window takes back.

    Attributes:
        low, high: in dB; each clip's gain is drawn uniformly between them.
    """

    low: float = -12.0
    high: float = 12.0

    takes: ClassVar[str] = WAVES

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "low", -100, 100)
        check_number(self, "high", self.low, 100)

    def draw(
        self, shape: torch.Size, generator: torch.Generator, context: AugmentationContext
    ) -> dict[str, torch.Tensor]:
        """``decibels``: float32 [clips]."""
        return {"decibels": uniform(shape[0], self.low, self.high, generator)}

    def change(self, clips: torch.Tensor, decibels: torch.Tensor) -> torch.Tensor:
        """Waves [clips, samples] to waves of the same shape."""
        return clips * each(10 ** (decibels / 20), clips)
