"""What a kernel finds in /kaggle/input: its sources, where Kaggle mounts them, and as Kaggle shows them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kernelgen.datasets.archives import archive_stem, unpack
from kernelgen.errors import KernelgenError
from kernelgen.links import links_below, stays_inside
from kernelgen.running.room import INPUT, Room

_FOLDERS = {"competition": "competitions", "dataset": "datasets", "kernel": "notebooks", "model": "models"}


@dataclass(frozen=True)
class Mount:
    """One attached source of a kernel and the local folder that stands for it.

    `uploaded` names the files and folders of `folder` that Kaggle is sent, of which archives are unpacked; where it is
    None, the folder is shown as it is. `links_lead_out` is False for what a kernel wrote: there, a link to a place of
    this machine leads nowhere in the run.
    """

    kind: str
    slug: str
    owner: str
    folder: Path
    uploaded: tuple[str, ...] | None = None
    links_lead_out: bool = True

    def place(self, layout: str) -> PurePosixPath:
        """Where a run finds it."""
        if layout == "old":
            return INPUT / self.slug
        owner = "" if self.kind == "competition" else self.owner
        return INPUT / _FOLDERS[self.kind] / owner / self.slug


def places_of(mounts: Sequence[Mount], layout: str) -> dict[PurePosixPath, Mount]:
    """Every mount at its place. Raises `KernelgenError` where two share a place."""
    places: dict[PurePosixPath, Mount] = {}
    for mount in mounts:
        place = mount.place(layout)
        for other in places:
            if other.is_relative_to(place) or place.is_relative_to(other):
                pair = f"{places[other].kind}:{places[other].slug} and {mount.kind}:{mount.slug}"
                raise KernelgenError(f"sources {pair}: both go to {place} in the {layout} layout; rename one of them")
        places[place] = mount
    return places


def lay_out(mounts: Sequence[Mount], layout: str, room: Room) -> None:
    """Shows the mounts to the run in `room`, in Kaggle's "new" or "old" layout."""
    for place, mount in places_of(mounts, layout).items():
        folder = mount.folder.resolve()
        if mount.uploaded is not None:
            _show_uploaded(room, folder, mount.uploaded, place)
        elif mount.links_lead_out:
            _show_following_links(room, folder, place, ())
        else:
            room.show(folder, place)


def _show_uploaded(room: Room, folder: Path, names: Sequence[str], place: PurePosixPath) -> None:
    """A dataset's folder, as Kaggle shows what it is sent of it."""
    room.inside(place).mkdir(parents=True)
    for name in names:
        source = folder / name
        if stem := archive_stem(source):
            unpack(source, room.inside(place / stem))
        else:
            _show_following_links(room, source.resolve(), place / name, ())


def _show_following_links(room: Room, folder: Path, place: PurePosixPath, chain: tuple[Path, ...]) -> None:
    """Shows a folder as a whole, or entry by entry where links lead out of it, whose targets are shown instead."""
    if any(outer.is_relative_to(folder) for outer in chain):
        raise KernelgenError(f"{folder}: symbolic links lead round in a circle; mount a folder without them")
    leaving = {link for link in links_below(folder) if link.exists() and not stays_inside(link, folder)}
    # The folders that have to be laid out entry by entry: those that hold such a link at any depth.
    apart = {parent for link in leaving for parent in link.parents if parent.is_relative_to(folder)}

    def show(source: Path, target: PurePosixPath) -> None:
        if source in leaving and source.is_dir():
            _show_following_links(room, source.resolve(), target, (*chain, folder))
        elif source in apart:
            room.inside(target).mkdir(parents=True, exist_ok=True)
            for entry in sorted(source.iterdir()):
                show(entry, target / entry.name)
        elif source.is_symlink() and source not in leaving:
            room.inside(target).symlink_to(os.readlink(source))
        elif source.is_dir() or source.is_file():
            room.show(source.resolve(), target)

    show(folder, place)
