"""concatmix: one clip after the other (BirdCLEF 2022, 3rd place)."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from birdlib.augmentation.batch import Batch, mixture
from birdlib.augmentation.steps import WAVES, MixingStep
from birdlib.components import check_choice


@dataclass(frozen=True)
class Concatmix(MixingStep):
    """Each clip and another one joined in time; the labels are those of both.

    The partners are the batch rolled by one random shift: never oneself, but in a batch of one.

    Attributes:
        length: of the mixture, which the write-up left unsaid. "doubled", the default and the original's: clips twice
            as long, whose two windows the backbone sees one by one (``parts``), so that nothing of either bird is
            lost; such a batch costs the backbone twice the time. "same", the cheap one: the first half of the one
            clip and the second half of the other, no longer than before.
    """

    length: str = "doubled"

    takes: ClassVar[str] = WAVES

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self, "length", ("doubled", "same"))

    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``partner``: int64 [batch], the clip that each is joined to."""
        size = len(batch)
        shift = torch.randint(1, max(size, 2), (), generator=generator)
        return {"partner": (torch.arange(size) + shift) % size}

    def mix(self, batch: Batch, partner: torch.Tensor) -> Batch:
        """Waves [batch, samples] to waves [batch, 2 * samples], or [batch, samples] where they stay the same."""
        wave, parts = batch.input, 1
        if self.length == "doubled":
            wave, parts = torch.cat([wave, wave[partner]], dim=1), 2
        else:
            middle = wave.shape[1] // 2
            wave = torch.cat([wave[:, :middle], wave[partner, middle:]], dim=1)
        return mixture(batch, partner, wave, torch.add, labels=torch.maximum, parts=parts)
