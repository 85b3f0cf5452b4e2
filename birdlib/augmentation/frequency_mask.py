"""Masks of bands."""

from dataclasses import dataclass
from typing import ClassVar

from birdlib.augmentation.masks import MaskStep


@dataclass(frozen=True)
class FrequencyMask(MaskStep):
    """Some neighbouring bands of a mel spectrogram become the clip's mean."""

    axis: ClassVar[int] = 2
