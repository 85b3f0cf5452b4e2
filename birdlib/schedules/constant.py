"""The seed's schedule: none."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """The same learning rate in every step."""

    def factor(self, done: float, epochs: float) -> float:
        """Of the learning rate, after so many of a stage's epochs."""
        return 1.0
