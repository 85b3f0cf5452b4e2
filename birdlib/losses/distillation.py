"""Distillation from live teachers (BirdCLEF 2023, 7th place): they hear the same augmented batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from birdlib.augmentation.batch import Batch
from birdlib.components import check_choice, check_shares
from birdlib.losses.bce import Bce
from birdlib.losses.divergence import BERNOULLI, DIVERGENCES, divergence
from birdlib.losses.label_loss import LabelLoss


@dataclass(frozen=True)
class Distillation(LabelLoss):
    """BCE with the labels, and how far student and teachers are apart in either direction.

    Attributes:
        shares: of BCE(labels), KL(student || teacher) and KL(teacher || student); they add up to 1.
        divergence: of a class's probability ("bernoulli"), or of all of them together ("categorical").
    """

    shares: Sequence[float] = (0.33, 0.34, 0.33)
    divergence: str = BERNOULLI

    needs_teacher: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_shares(self, "shares", 3)
        check_choice(self, "divergence", DIVERGENCES)

    def of_logits(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        teacher = batch.teacher.detach()
        labels, towards_teacher, towards_student = self.shares
        return (
            labels * Bce().of_logits(logits, batch)
            + towards_teacher * divergence(logits, teacher, self.divergence).mean()
            + towards_student * divergence(teacher, logits, self.divergence).mean()
        )
