"""Synthetic noise from hiss to rumble."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.steps import WAVES, ClipStep, uniform
from birdlib.components import check_number


@dataclass(frozen=True)
class ColouredNoise(ClipStep):
    """Noise whose power falls with a random power of the frequency is added to a clip.

    Attributes:
        low, high: in dB; each clip's signal-to-noise ratio is drawn uniformly between them.
        steepest: each clip's exponent is drawn from 0 (white) to it; 1 is pink, 2 brown.
    """

    low: float = 0.0
    high: float = 30.0
    steepest: float = 2.0

    takes: ClassVar[str] = WAVES

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "low", -100, 100)
        check_number(self, "high", self.low, 100)
        check_number(self, "steepest", 0, 4)

    def draw(
        self, shape: torch.Size, generator: torch.Generator, context: AugmentationContext
    ) -> dict[str, torch.Tensor]:
        """``white`` float32 [clips, samples]; ``exponent`` and ``decibels`` float32 [clips]."""
        return {
            "white": torch.randn(*shape, generator=generator),
            "exponent": uniform(shape[0], 0, self.steepest, generator),
            "decibels": uniform(shape[0], self.low, self.high, generator),
        }

    def change(
        self, clips: torch.Tensor, white: torch.Tensor, exponent: torch.Tensor, decibels: torch.Tensor
    ) -> torch.Tensor:
        """Waves [clips, samples] to waves of the same shape."""
        spectrum = torch.fft.rfft(white)
        number = torch.arange(spectrum.shape[1], device=clips.device).clamp_min(1)
        noise = torch.fft.irfft(spectrum * number ** (-exponent[:, None] / 2), clips.shape[1])
        ratio = clips.square().mean(1) / noise.square().mean(1).clamp_min(1e-12)
        return clips + noise * (ratio.sqrt() * 10 ** (-decibels / 20))[:, None]
