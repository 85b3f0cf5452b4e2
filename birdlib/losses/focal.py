"""Focal binary cross-entropy (Lin et al. 2017), for targets from 0 to 1."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from birdlib.augmentation.batch import Batch
from birdlib.components import check_number
from birdlib.losses.label_loss import LabelLoss


@dataclass(frozen=True)
class Focal(LabelLoss):
    """Binary cross-entropy in which what the model knows already counts less; the mean over batch and classes.

    Attributes:
        gamma: how much less: a term is multiplied by (what is missing to certainty) ** gamma; 0 is plain BCE.
        positive_weight: of the labels that are there against those that are not.
    """

    gamma: float = 2.0
    positive_weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "gamma", 0)
        check_number(self, "positive_weight", 0)

    def of_logits(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        present = batch.targets * (-logits).sigmoid() ** self.gamma * F.logsigmoid(logits)
        absent = (1 - batch.targets) * logits.sigmoid() ** self.gamma * F.logsigmoid(-logits)
        return -((self.positive_weight * present + absent) * batch.weights).mean()
