"""Masks of frames."""

from dataclasses import dataclass
from typing import ClassVar

from birdlib.augmentation.masks import MaskStep


@dataclass(frozen=True)
class TimeMask(MaskStep):
    """Some neighbouring frames of a mel spectrogram become the clip's mean."""

    axis: ClassVar[int] = 3
