"""A recipe's loss: one, or several with their weights."""

from collections.abc import Sequence

import torch

from birdlib.augmentation.batch import Batch
from birdlib.components import checked_number, component
from birdlib.errors import BirdlibError
from birdlib.models.output import Output


class WeightedSum:
    """The sum of losses.

    Args:
        terms: tables of losses, each with its ``weight`` (1 where it has none):
            ``[{"name": "focal", "gamma": 2.0}, {"name": "embedding_distillation", "weight": 0.5}]``.

    Raises:
        BirdlibError: there is none, or a name or parameter is unknown or out of range.
    """

    def __init__(self, terms: Sequence[dict]) -> None:
        if not terms:
            raise BirdlibError('loss: names none; expected [{ name = "bce" }] or the like')
        self.terms = []
        for term in terms:
            table = {key: value for key, value in term.items() if key != "weight"}
            weight = checked_number(f"loss {term.get('name')}", "weight", term.get("weight", 1.0), 0)
            self.terms.append((weight, component("losses", table)))

    @property
    def needs_teacher(self) -> bool:
        """Whether a term asks what live teachers say of the batch."""
        return any(loss.needs_teacher for _, loss in self.terms)

    def __call__(self, output: Output, batch: Batch) -> torch.Tensor:
        """A scalar, float32."""
        return sum(weight * loss(output, batch) for weight, loss in self.terms)
