"""Distillation from a table: a model's probabilities, stored and mixed as labels are."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from birdlib.augmentation.batch import Batch
from birdlib.components import check_number, check_shares
from birdlib.errors import BirdlibError
from birdlib.losses.bce import Bce
from birdlib.losses.divergence import divergence
from birdlib.losses.label_loss import LabelLoss


@dataclass(frozen=True)
class TableDistillation(LabelLoss):
    """As ``Distillation``, but what the teacher says stands in the clip table's column ``table``.

    Clips and classes of which the table says nothing (NaN) have their labels only.

    Attributes:
        table: the name of the clip table's extra column, [clips, classes] probabilities.
        shares: of BCE(labels), KL(student || table) and KL(table || student); they add up to 1.
        temperature: by which both logits are divided; the divergences are multiplied by its square (Hinton 2015).
    """

    table: str = "probabilities"
    shares: Sequence[float] = (0.33, 0.34, 0.33)
    temperature: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_shares(self, "shares", 3)
        check_number(self, "temperature", 0.01)

    def of_logits(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        if self.table not in batch.extra:
            names = ", ".join(batch.extra) or "none"
            raise BirdlibError(f"loss table_distillation: the clips have no column {self.table!r} (there is {names})")
        stored = batch.extra[self.table].float()
        known = stored.isfinite()
        teacher = torch.where(known, stored, 0.5).clamp(1e-6, 1 - 1e-6).logit() / self.temperature
        student = logits / self.temperature
        labels, towards_table, towards_student = self.shares
        apart = towards_table * divergence(student, teacher) + towards_student * divergence(teacher, student)
        return labels * Bce().of_logits(logits, batch) + self.temperature**2 * (apart * known).mean()
