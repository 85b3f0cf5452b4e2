"""What a run is started with, and what of the host it sees where."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath

HOSTNAME = "kaggle"
NOTEBOOK = "__notebook__.ipynb"
WORKING = PurePosixPath("/kaggle/working")
INPUT = PurePosixPath("/kaggle/input")
SOURCE = PurePosixPath("/kaggle/src")


@dataclass
class Room:
    """A prepared run. `root` is the folder that becomes its root where it is fenced.

    `binds` are triples of a file or folder of the host, its place in the root, and whether it is read-only; every
    place is there already. A run that is not fenced has a link in the place of each.
    """

    root: Path
    is_fenced: bool
    environment: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    binds: list[tuple[Path, PurePosixPath, bool]] = field(default_factory=list)

    def inside(self, place: PurePosixPath) -> Path:
        """The file or folder of the host that lies at `place` of the root."""
        return self.root / place.relative_to("/")

    def seen(self, place: PurePosixPath) -> PurePath:
        """The path by which the run knows it."""
        return place if self.is_fenced else self.inside(place)

    def show(self, source: Path, place: PurePosixPath, *, read_only: bool = True) -> None:
        """Lets the run find `source` at `place`."""
        target = self.inside(place)
        if self.is_fenced:
            make_place(target, source)
            self.binds.append((source, place, read_only))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source)


def make_place(place: Path, source: Path) -> None:
    """Makes an empty folder or file over which `source` can be mounted."""
    if source.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
