"""From the learning rate down to a share of it, along half a cosine (Loshchilov and Hutter 2017)."""

import math
from dataclasses import dataclass

from birdlib.components import check_number


@dataclass(frozen=True)
class Cosine:
    """Half a cosine over the stage, after a linear warm-up.

    Attributes:
        warm_up_epochs: from nought to the learning rate.
        last: the share of the learning rate that is left at the end.
    """

    warm_up_epochs: float = 0.0
    last: float = 0.01

    def __post_init__(self) -> None:
        check_number(self, "warm_up_epochs", 0)
        check_number(self, "last", 0, 1)

    def factor(self, done: float, epochs: float) -> float:
        """Of the learning rate, after so many of a stage's epochs."""
        if done < self.warm_up_epochs:
            return done / self.warm_up_epochs
        way = min((done - self.warm_up_epochs) / max(epochs - self.warm_up_epochs, 1e-9), 1.0)
        return self.last + (1 - self.last) * (1 + math.cos(math.pi * way)) / 2
