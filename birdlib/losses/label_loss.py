"""What losses of labels share: the clip's logits, and those of its loudest frames."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch

from birdlib.augmentation.batch import Batch
from birdlib.components import check_number
from birdlib.models.output import Output


@dataclass(frozen=True)
class LabelLoss(ABC):
    """A loss of logits [batch, classes] against a batch's labels.

    Attributes:
        frame_share: how much of it is the loss of each clip's loudest frames; without frames there is none.
    """

    frame_share: float = 0.5

    needs_teacher: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_number(self, "frame_share", 0, 1)

    def __call__(self, output: Output, batch: Batch) -> torch.Tensor:
        """A scalar, float32."""
        of_clip = self.of_logits(output.logits.float(), batch)
        if output.frames is None or not self.frame_share:
            return of_clip
        of_frames = self.of_logits(output.frames.float().amax(1), batch)
        return (1 - self.frame_share) * of_clip + self.frame_share * of_frames

    @abstractmethod
    def of_logits(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """A scalar, of float32 logits [batch, classes]."""
