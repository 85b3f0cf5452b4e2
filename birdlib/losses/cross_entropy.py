"""Cross-entropy of one softmax over all classes (BirdCLEF 2023, 2nd place: stages before BCE)."""

from dataclasses import dataclass

import torch

from birdlib.augmentation.batch import Batch
from birdlib.losses.label_loss import LabelLoss


@dataclass(frozen=True)
class CrossEntropy(LabelLoss):
    """Cross-entropy against the labels' shares of their sum, the mean over the clips that have a label.

    Classes of weight 0 take no part in the softmax.
    """

    def of_logits(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        known = batch.weights > 0
        targets = batch.targets * known
        total = targets.sum(1, keepdim=True)
        # Not minus infinity, which times a target of 0 would be NaN.
        logs = logits.masked_fill(~known, -1e4).log_softmax(1)
        losses = -(targets / total.clamp_min(1e-6) * logs).sum(1)
        labelled = total[:, 0] > 0
        return (losses * labelled).sum() / labelled.sum().clamp_min(1)
