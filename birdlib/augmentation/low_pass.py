"""A random low-pass: birds far away, and recorders that miss high frequencies."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.steps import WAVES, ClipStep, uniform
from birdlib.components import check_number


@dataclass(frozen=True)
class LowPass(ClipStep):
    """Frequencies above a cut-off are attenuated as by a Butterworth filter, without any shift in time.

    Attributes:
        low, high: in Hz; each clip's cut-off (-3 dB) is drawn between them, each octave as often as another.
        order: of the filter; it falls by 6 dB an octave for each.
    """

    low: float = 2000.0
    high: float = 12000.0
    order: int = 4

    takes: ClassVar[str] = WAVES

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "low", 20)
        check_number(self, "high", self.low)
        check_number(self, "order", 1, whole=True)

    def draw(
        self, shape: torch.Size, generator: torch.Generator, context: AugmentationContext
    ) -> dict[str, torch.Tensor]:
        """``cutoff``: float32 [clips], in cycles per sample."""
        hertz = uniform(shape[0], math.log(self.low), math.log(self.high), generator).exp()
        return {"cutoff": hertz / context.sample_rate}

    def change(self, clips: torch.Tensor, cutoff: torch.Tensor) -> torch.Tensor:
        """Waves [clips, samples] to waves of the same shape."""
        # By Fourier transform, so that a batch takes no loop over samples. It takes the clip for a ring, which its
        # ends show for some milliseconds.
        samples = clips.shape[1]
        frequency = torch.fft.rfftfreq(samples, device=clips.device)
        gain = (1 + (frequency / cutoff[:, None]) ** (2 * self.order)).rsqrt()
        return torch.fft.irfft(torch.fft.rfft(clips.float()) * gain, samples)
