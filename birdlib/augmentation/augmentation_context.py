"""What steps of an augmentation need to know beside the batch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AugmentationContext:
    """What steps of an augmentation need to know beside the batch.

    Attributes:
        sample_rate: of the waves, in Hz.
        folder: finds a folder of recordings by the name that the recipe gives it.
    """

    sample_rate: int
    folder: Callable[[str], Path]
