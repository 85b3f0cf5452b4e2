"""What augmentation steps share: those that mix clips, and those that change each by itself.

Every step draws what it needs on the CPU and then works on the batch's device, so that the same generator gives the
same batch everywhere.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple

import torch

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.batch import Batch
from birdlib.components import check_number
from birdlib.errors import BirdlibError

WAVES, MELS = "waves [batch, samples]", "mel spectrograms [batch, 1, n_mels, frames]"


class Augmented(NamedTuple):
    """A batch after a step, and each clip's partner in it, int64 [batch]; None where the step mixes nothing."""

    batch: Batch
    partner: torch.Tensor | None


@dataclass(frozen=True)
class Step(ABC):
    """A step on batches of waves or of mel spectrograms.

    Attributes:
        p: the probability that it happens, to a batch or to a clip.
        takes: ``WAVES`` or ``MELS``.
        happens_to: "batches" as a whole, or "clips", each by itself.
    """

    p: float = field(kw_only=True)

    takes: ClassVar[str]
    happens_to: ClassVar[str]

    def __post_init__(self) -> None:
        check_number(self, "p", 0, 1)

    @property
    def name(self) -> str:
        """As recipes call it: that of its file."""
        return type(self).__module__.rpartition(".")[2]

    @abstractmethod
    def __call__(
        self, batch: Batch, generator: torch.Generator, decisions: torch.Generator, context: AugmentationContext
    ) -> Batch:
        """The batch after the step, which happens with probability ``p``.

        Args:
            generator: of all that differs from clip to clip.
            decisions: of what happens to whole batches.
        """

    @abstractmethod
    def applied(self, batch: Batch, generator: torch.Generator, context: AugmentationContext) -> Augmented:
        """The step on all clips, whatever ``p`` is."""


class MixingStep(Step):
    """A step that mixes each clip with another one of its batch.

    Where a target of either clip is unknown (weight 0), that of the mixture is, unless it is 1.
    """

    happens_to: ClassVar[str] = "batches"

    def __call__(
        self, batch: Batch, generator: torch.Generator, decisions: torch.Generator, context: AugmentationContext
    ) -> Batch:
        if torch.rand((), generator=decisions).item() < self.p:
            return self.applied(batch, generator, context).batch
        return batch

    def applied(self, batch: Batch, generator: torch.Generator, context: AugmentationContext) -> Augmented:
        drawn = self.draw(batch, _on_cpu(generator))
        return Augmented(self.mix(batch, **_moved(drawn, batch.input.device)), drawn["partner"])

    @abstractmethod
    def draw(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """What ``mix`` takes, on the CPU; among it ``partner``, int64 [batch]."""

    @abstractmethod
    def mix(self, batch: Batch, partner: torch.Tensor, **drawn: torch.Tensor) -> Batch:
        """Every clip mixed with its partner."""


class ClipStep(Step):
    """A step that changes how a clip sounds and leaves its labels alone. Some clips of a batch go through it."""

    happens_to: ClassVar[str] = "clips"

    def __call__(
        self, batch: Batch, generator: torch.Generator, decisions: torch.Generator, context: AugmentationContext
    ) -> Batch:
        rows = (torch.rand(len(batch), generator=_on_cpu(generator)) < self.p).nonzero().flatten()
        if not len(rows):
            return batch
        rows = rows.to(batch.input.device)
        changed = self._changed(batch.input[rows], generator, context)
        return replace(batch, input=batch.input.index_copy(0, rows, changed))

    def applied(self, batch: Batch, generator: torch.Generator, context: AugmentationContext) -> Augmented:
        return Augmented(replace(batch, input=self._changed(batch.input, _on_cpu(generator), context)), None)

    def _changed(self, clips: torch.Tensor, generator: torch.Generator, context: AugmentationContext) -> torch.Tensor:
        drawn = self.draw(clips.shape, generator, context)
        return self.change(clips, **_moved(drawn, clips.device)).to(clips.dtype)

    @abstractmethod
    def draw(
        self, shape: torch.Size, generator: torch.Generator, context: AugmentationContext
    ) -> dict[str, torch.Tensor]:
        """What ``change`` takes, on the CPU, for clips of a shape [clips, …]."""

    @abstractmethod
    def change(self, clips: torch.Tensor, **drawn: torch.Tensor) -> torch.Tensor:
        """Waves or mel spectrograms to others of the same shape."""


def uniform(count: int, low: float, high: float, generator: torch.Generator) -> torch.Tensor:
    """float32 [count] between two numbers."""
    return low + (high - low) * torch.rand(count, generator=generator)


def _on_cpu(generator: torch.Generator) -> torch.Generator:
    if generator.device.type != "cpu":
        raise BirdlibError(f"augmentation: the generator is on {generator.device}; every device draws from a CPU's")
    return generator


def _moved(drawn: dict[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
    return {name: values.to(device, non_blocking=True) for name, values in drawn.items()}
