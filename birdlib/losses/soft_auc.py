"""A smooth macro ROC-AUC over pairs of clips (BirdCLEF 2026, 2nd place)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from birdlib.augmentation.batch import Batch
from birdlib.components import check_number
from birdlib.losses.bce import Bce
from birdlib.losses.label_loss import LabelLoss


@dataclass(frozen=True)
class SoftAuc(LabelLoss):
    """For each class, how far the clips without it reach above those with it, the mean over classes with pairs.

    A pair counts by the product of the one's target and what is missing to 1 of the other's. ROC-AUC does not care
    where logits lie, so a share of BCE beside it keeps probabilities meaningful.

    Attributes:
        bce_share: weight of the BCE that is added.
        scale: logits by which a pair has to lie apart to count little.
    """

    bce_share: float = 0.25
    scale: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "bce_share", 0)
        check_number(self, "scale", 1e-3)

    def of_logits(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        present = batch.targets * batch.weights
        absent = (1 - batch.targets) * batch.weights
        apart = (logits[:, None] - logits[None]) / self.scale  # [with, without, classes]
        pairs = present[:, None] * absent[None]
        count = pairs.sum((0, 1))
        of_class = (pairs * F.softplus(-apart)).sum((0, 1)) / count.clamp_min(1e-6)
        has_pairs = count > 1e-6
        area = (of_class * has_pairs).sum() / has_pairs.sum().clamp_min(1)
        return area + self.bce_share * Bce().of_logits(logits, batch)
