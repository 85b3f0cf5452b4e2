"""FilterAugment: a random equaliser (Nam et al. 2022)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.steps import WAVES, ClipStep
from birdlib.components import check_number


@dataclass(frozen=True)
class FilterAugment(ClipStep):
    """Random gains at the edges of random bands, joined by straight lines in dB over the mel scale.

    It works on waves, where a decibel is a decibel, however the front end normalises.

    Attributes:
        low, high: in dB; the gain at each edge is drawn uniformly between them.
        least_bands, most_bands: each clip has a number of bands between them, both allowed.
        narrowest: the smallest band's share of the mel scale.
    """

    low: float = -6.0
    high: float = 6.0
    least_bands: int = 3
    most_bands: int = 5
    narrowest: float = 0.05

    takes: ClassVar[str] = WAVES

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "low", -100, 100)
        check_number(self, "high", self.low, 100)
        check_number(self, "least_bands", 1, whole=True)
        check_number(self, "most_bands", self.least_bands, whole=True)
        check_number(self, "narrowest", 0, 1 / self.most_bands)

    def draw(
        self, shape: torch.Size, generator: torch.Generator, context: AugmentationContext
    ) -> dict[str, torch.Tensor]:
        """``edges`` float32 [clips, most_bands + 1], from 0 to 1, shares of the mel scale; ``decibels`` at them.

        A clip with fewer bands has its last edge several times. ``sample_rate``: a scalar.
        """
        size, most = shape[0], self.most_bands
        bands = torch.randint(self.least_bands, most + 1, (size, 1), generator=generator)
        number = torch.arange(most + 1)
        # What is left beyond the narrowest bands is shared out at random.
        cuts = torch.rand(size, most - 1, generator=generator).where(number[1:-1] < bands, torch.ones(()))
        inner = cuts.sort(1).values * (1 - bands * self.narrowest) + number[1:-1] * self.narrowest
        inner = inner.where(number[1:-1] < bands, torch.ones(()))
        edges = torch.cat([torch.zeros(size, 1), inner, torch.ones(size, 1)], dim=1)
        decibels = self.low + (self.high - self.low) * torch.rand(size, most + 1, generator=generator)
        decibels = decibels.gather(1, torch.minimum(number, bands))
        return {"edges": edges, "decibels": decibels, "sample_rate": torch.tensor(float(context.sample_rate))}

    def change(
        self, clips: torch.Tensor, edges: torch.Tensor, decibels: torch.Tensor, sample_rate: torch.Tensor
    ) -> torch.Tensor:
        """Waves [clips, samples] to waves of the same shape."""
        samples = clips.shape[1]
        frequency = torch.fft.rfftfreq(samples, device=clips.device) * sample_rate
        mel = torch.log1p(frequency / 700) / torch.log1p(sample_rate / 2 / 700)
        curve = decibels[:, :1]
        for band in range(self.most_bands):
            first, last = edges[:, band, None], edges[:, band + 1, None]
            rise = decibels[:, band + 1, None] - decibels[:, band, None]
            curve = curve + rise * ((mel - first) / (last - first).clamp_min(1e-6)).clamp(0, 1)
        gain = (curve * (math.log(10) / 20)).exp()
        return torch.fft.irfft(torch.fft.rfft(clips.float()) * gain, samples)
