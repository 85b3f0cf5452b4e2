"""Binary cross-entropy."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from birdlib.augmentation.batch import Batch
from birdlib.losses.label_loss import LabelLoss


@dataclass(frozen=True)
class Bce(LabelLoss):
    """Binary cross-entropy of every class by itself, the mean over batch and classes.

    A weight of 0 leaves a class of a clip out.
    """

    def of_logits(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        losses = F.binary_cross_entropy_with_logits(logits, batch.targets, reduction="none")
        return (losses * batch.weights).mean()
