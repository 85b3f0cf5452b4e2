"""A recipe's loss: one, or several with their weights."""

import math
from collections.abc import Sequence

import torch

from birdlib.augmentation.batch import Batch
from birdlib.components import component, where
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
            loss, weight = component("losses", table), term.get("weight", 1.0)
            if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight < math.inf:
                raise BirdlibError(f"{where(loss)}: weight = {weight!r}; expected a number from 0 on")
            self.terms.append((weight, loss))

    @property
    def needs_teacher(self) -> bool:
        """Whether a term asks what live teachers say of the batch."""
        return any(loss.needs_teacher for _, loss in self.terms)

    def __call__(self, output: Output, batch: Batch) -> torch.Tensor:
        """A scalar, float32."""
        return sum(weight * loss(output, batch) for weight, loss in self.terms)
