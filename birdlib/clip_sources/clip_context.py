"""What clip sources may draw from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from birdlib.data.labelled_soundscapes import LabelledSoundscapes
from birdlib.data.prepared import Prepared


@dataclass(frozen=True)
class ClipContext:
    """What clip sources may draw from.

    Attributes:
        prepared: the competition's recordings, with their folds.
        soundscapes: its labelled soundscapes; None where it has none.
        folders: attached by the recipe for clip sources, by name.
    """

    prepared: Prepared
    soundscapes: LabelledSoundscapes | None = None
    folders: Mapping[str, Path] = field(default_factory=dict)
