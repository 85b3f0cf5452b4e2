"""A linear warm-up, then a constant learning rate."""

from dataclasses import dataclass

from birdlib.components import check_number


@dataclass(frozen=True)
class WarmUp:
    """From nought to the learning rate in equal steps, then constant.

    Attributes:
        warm_up_epochs: that this takes.
    """

    warm_up_epochs: float = 1.0

    def __post_init__(self) -> None:
        check_number(self, "warm_up_epochs", 0)

    def factor(self, done: float, epochs: float) -> float:
        """Of the learning rate, after so many of a stage's epochs."""
        return min(done / self.warm_up_epochs, 1.0) if self.warm_up_epochs else 1.0
