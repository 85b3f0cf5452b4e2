"""Noise from a folder of recordings."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.noise_recordings import noise_pieces
from birdlib.augmentation.steps import WAVES, ClipStep, uniform
from birdlib.components import check_number


@dataclass(frozen=True)
class Noise(ClipStep):
    """A piece of a recording without birds is added to a clip, at a random signal-to-noise ratio.

    Attributes:
        folder: of the recordings: an attached one (the recipe's source ``extra``), or one below the competition's own.
        low, high: in dB; each clip's ratio of its own power to the noise's is drawn uniformly between them.
        minutes: of noise that are decoded before the first step and kept in memory, 8 MB each at 32 kHz.
    """

    folder: str
    low: float = 3.0
    high: float = 30.0
    minutes: float = 10.0

    takes: ClassVar[str] = WAVES

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "low", -100, 100)
        check_number(self, "high", self.low, 100)
        check_number(self, "minutes", 0.1, 600)

    def draw(
        self, shape: torch.Size, generator: torch.Generator, context: AugmentationContext
    ) -> dict[str, torch.Tensor]:
        """``noise`` float32 [clips, samples], as it was recorded; ``decibels`` float32 [clips], the ratios."""
        pieces = noise_pieces(context.folder(self.folder), context.sample_rate, self.minutes)
        clips, samples = shape
        numbers = torch.randint(len(pieces), (clips,), generator=generator).tolist()
        places = torch.rand(clips, generator=generator).tolist()
        noise = [_stretch(pieces[number], samples, place) for number, place in zip(numbers, places, strict=True)]
        return {"noise": torch.stack(noise), "decibels": uniform(clips, self.low, self.high, generator)}

    def change(self, clips: torch.Tensor, noise: torch.Tensor, decibels: torch.Tensor) -> torch.Tensor:
        """Waves [clips, samples] to waves of the same shape."""
        ratio = clips.square().mean(1) / noise.square().mean(1).clamp_min(1e-12)
        return clips + noise * (ratio.sqrt() * 10 ** (-decibels / 20))[:, None]


def _stretch(piece: torch.Tensor, samples: int, place: float) -> torch.Tensor:
    """So many samples of a piece, from somewhere in it (0 to 1); one that is too short is repeated."""
    spare = len(piece) - samples
    if spare >= 0:
        start = int(place * (spare + 1))
        return piece[start : start + samples]
    return piece.roll(-int(place * len(piece))).repeat(-(-samples // len(piece)))[:samples]
