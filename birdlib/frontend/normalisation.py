"""What becomes of a mel spectrogram's decibels before a network sees them."""

from dataclasses import asdict, dataclass

import torch

from birdlib.components import check_choice, check_number, where
from birdlib.errors import BirdlibError

# Which of the two numbers each takes.
_TAKES = {"window": (), "fixed": ("mean", "deviation"), "band_median": ("deviation",)}
_TOP_DECIBELS = 80.0


@dataclass(frozen=True)
class Normalisation:
    """How decibels are brought to the scale of a network's inputs.

    Attributes:
        name: "window": each window to mean 0 and deviation 1, so that its level does not count. "fixed": by two
            constants, so that a louder window has larger values. "band_median": the median over time of each band of
            a window is subtracted, so that level and steady noise do not count; then a constant divides.
        mean, deviation: in dB, the constants; None where ``name`` takes none.
    """

    name: str = "window"
    mean: float | None = None
    deviation: float | None = None

    def __post_init__(self) -> None:
        check_choice(self, "name", tuple(_TAKES))
        for field, low, high in (("mean", -200, 200), ("deviation", 0.1, 200)):
            if field in _TAKES[self.name]:
                check_number(self, field, low, high)
            elif getattr(self, field) is not None:
                raise BirdlibError(f"{where(self)}: {self.name} takes no {field}; leave it out")

    @classmethod
    def of(cls, table: dict) -> "Normalisation":
        """Of a recipe's or a manifest's table, as ``{"name": "fixed", "mean": -40.0, "deviation": 20.0}``.

        Raises:
            BirdlibError: it is no table, or a parameter is unknown, missing or out of range.
        """
        if not isinstance(table, dict) or not set(table) <= set(asdict(cls())):
            raise BirdlibError(f"normalisation = {table!r}: expected a table of name, mean and deviation")
        return cls(**table)

    def __call__(self, decibels: torch.Tensor) -> torch.Tensor:
        """float32 [windows, bands, frames] to the same shape, in place where that saves memory."""
        if self.name == "fixed":
            return decibels.sub_(self.mean).div_(self.deviation)
        # Decibels reach 80 below the window's loudest point: what is lower follows from the level.
        decibels = torch.maximum(decibels, decibels.amax((1, 2), keepdim=True) - _TOP_DECIBELS)
        if self.name == "band_median":
            return decibels.sub_(decibels.median(2, keepdim=True).values).div_(self.deviation)
        deviation, mean = torch.std_mean(decibels, dim=(1, 2), keepdim=True, correction=0)
        # A silent window has no deviation: it becomes all zeros instead of noise blown up.
        return decibels.sub_(mean).div_(deviation + 1e-3)
