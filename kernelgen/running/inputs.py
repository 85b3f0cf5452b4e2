"""What a kernel finds in /kaggle/input: its sources, where Kaggle mounts them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kernelgen.errors import KernelgenError

LAYOUTS = ("new", "old")
_FOLDERS = {"competition": "competitions", "dataset": "datasets", "kernel": "notebooks", "model": "models"}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_DEEPEST_CHAIN = 8


@dataclass(frozen=True)
class Mount:
    """One attached source of a kernel and the local folder that stands for it.

    `kind` is competition, dataset, kernel or model; `slug` its name on Kaggle, for a model
    "model/framework/variation/version".
    """

    kind: str
    slug: str
    owner: str
    folder: Path

    def __str__(self) -> str:
        return f"{self.kind}:{self.slug}"


@dataclass(frozen=True)
class Bind:
    """A file or folder of the host that shall be seen, read-only, at `target` below the input root."""

    source: Path
    target: PurePosixPath


def place_of(mount: Mount, layout: str) -> PurePosixPath:
    """Where `mount` is found below /kaggle/input. Raises `KernelgenError` for names Kaggle cannot have."""
    if layout not in LAYOUTS:
        raise KernelgenError(f"layout {layout!r}: is not known; use one of {', '.join(LAYOUTS)}")
    if mount.kind not in _FOLDERS:
        raise KernelgenError(f"source {mount}: its kind is not known; use one of {', '.join(_FOLDERS)}")
    parts = mount.slug.split("/")
    if len(parts) != (4 if mount.kind == "model" else 1) or not all(map(_NAME.fullmatch, [mount.owner, *parts])):
        form = "model/framework/variation/version" if mount.kind == "model" else "name"
        raise KernelgenError(f"source {mount} of {mount.owner!r}: is no name on Kaggle; write {mount.kind}:{form}")
    if layout == "old":
        return PurePosixPath(*parts)
    folder = _FOLDERS[mount.kind]
    return PurePosixPath(folder, *parts) if mount.kind == "competition" else PurePosixPath(folder, mount.owner, *parts)


def places_of(mounts: Sequence[Mount], layout: str) -> dict[PurePosixPath, Mount]:
    """Every mount at its place. Raises `KernelgenError` where a folder is missing or two share a place."""
    places: dict[PurePosixPath, Mount] = {}
    for mount in mounts:
        if not mount.folder.is_dir():
            raise KernelgenError(f"source {mount}: {mount.folder} is not a folder; give one with --input")
        place = place_of(mount, layout)
        for other in places:
            if other.is_relative_to(place) or place.is_relative_to(other):
                raise KernelgenError(
                    f"sources {places[other]} and {mount}: both go to {place} in the {layout} layout; "
                    "rename one of them"
                )
        places[place] = mount
    return places


def lay_out(mounts: Sequence[Mount], layout: str, skeleton: Path) -> list[Bind]:
    """Makes the empty folders and files of the input root in `skeleton` and says what to bind over them.

    A folder is bound as a whole. Where symbolic links lead out of it, to places that a run cannot see, it is
    laid out entry by entry and the links' targets are bound instead.
    """
    binds: list[Bind] = []
    for place, mount in places_of(mounts, layout).items():
        _lay_out(mount.folder.resolve(), place, skeleton, binds, ())
    return binds


def link_inputs(mounts: Sequence[Mount], layout: str, root: Path) -> None:
    """Makes the same layout of symbolic links, for a run that is not isolated."""
    for place, mount in places_of(mounts, layout).items():
        link = root / place
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(mount.folder.resolve(), target_is_directory=True)


def _lay_out(folder: Path, place: PurePosixPath, skeleton: Path, binds: list[Bind], chain: tuple[Path, ...]) -> None:
    if folder in chain or len(chain) > _DEEPEST_CHAIN:
        raise KernelgenError(f"{folder}: symbolic links lead round in a circle; mount a folder without them")
    chain = (*chain, folder)
    leaving = _folders_with_leaving_links(folder)

    def one(source: Path, target: PurePosixPath) -> None:
        here = skeleton / target
        if source.is_symlink():
            if _stays_inside(source, folder):
                here.symlink_to(os.readlink(source))
            elif source.is_dir():
                _lay_out(source.resolve(), target, skeleton, binds, chain)
            else:
                here.touch()
                binds.append(Bind(source.resolve(), target))
        elif source in leaving:
            here.mkdir(parents=True, exist_ok=True)
            for entry in sorted(source.iterdir()):
                one(entry, target / entry.name)
        elif source.is_dir():
            here.mkdir(parents=True, exist_ok=True)
            binds.append(Bind(source, target))
        elif source.is_file():
            here.touch()
            binds.append(Bind(source, target))

    one(folder, place)


def _folders_with_leaving_links(folder: Path) -> set[Path]:
    """The folders at or below `folder` that hold, at any depth, a link that leads elsewhere in a run."""
    found: set[Path] = set()
    open_folders = [folder]
    while open_folders:
        current = open_folders.pop()
        try:
            with os.scandir(current) as entries:
                for entry in entries:
                    path = current / entry.name
                    if entry.is_symlink():
                        if not _stays_inside(path, folder):
                            found.update((current, *current.parents))
                    elif entry.is_dir():
                        open_folders.append(path)
        except PermissionError:
            continue
    return {path for path in found if path.is_relative_to(folder)}


def _stays_inside(link: Path, folder: Path) -> bool:
    """Whether the link means the same when `folder` stands elsewhere; so does one that leads nowhere."""
    if not link.exists():
        return True
    text = os.readlink(link)
    if os.path.isabs(text):
        return False
    lexical = Path(os.path.normpath(link.parent / text))
    return lexical.is_relative_to(folder) and link.resolve().is_relative_to(folder)
