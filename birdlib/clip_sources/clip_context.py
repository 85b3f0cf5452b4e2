"""What clip sources may draw from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from birdlib.data.known_soundscapes import KnownSoundscapes
from birdlib.data.prepared import Prepared
from birdlib.errors import BirdlibError


@dataclass(frozen=True)
class ClipContext:
    """What clip sources may draw from.

    Attributes:
        prepared: the competition's recordings, with their folds.
        soundscapes: its labelled soundscapes; None where it has none.
        folders: attached for clip sources and augmentations, by the last part of the name that the recipe gives them.
        competition: its own folder; None where no source needs it.
    """

    prepared: Prepared
    soundscapes: KnownSoundscapes | None = None
    folders: Mapping[str, Path] = field(default_factory=dict)
    competition: Path | None = None

    def folder(self, name: str) -> Path:
        """An attached folder. Raises BirdlibError where there is none of this name."""
        if name not in self.folders:
            names = ", ".join(self.folders) or "none"
            raise BirdlibError(f"the folder {name!r} is not attached (there is {names}); name it in sources.extra")
        return self.folders[name]

    def audio(self, name: str) -> Path:
        """A folder of recordings: an attached one, or one below the competition's own."""
        if name not in self.folders and self.competition and (self.competition / name).is_dir():
            return self.competition / name
        return self.folder(name)
