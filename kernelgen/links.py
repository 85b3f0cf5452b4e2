"""Symbolic links in a folder that a kernel may have written: none of them may lead to the host's files."""

import os
from pathlib import Path, PurePosixPath

from kernelgen.errors import KernelgenError


def stays_inside(link: Path, folder: Path) -> bool:
    """Whether ``link`` means the same wherever ``folder`` stands: it is relative and never leads out of it.

    A link that leads nowhere is judged by its text alone. ``folder`` is absolute and resolved.
    """
    text = os.readlink(link)
    # A link in a circle leads nowhere; realpath leaves it as it is.
    places = [Path(os.path.normpath(link.parent / text)), Path(os.path.realpath(link))]
    return not os.path.isabs(text) and all(place.is_relative_to(folder) for place in places)


def links_below(folder: Path) -> list[Path]:
    """Every symbolic link at any depth of ``folder``; links are not followed, folders without permission skipped."""
    return [path for path in folder.rglob("*") if path.is_symlink()]


def keep_links_inside(folder: Path, seen_as: PurePosixPath) -> list[str]:
    """Make a run's output safe to give away; return the names of the links that were removed.

    A link that leads out of the output is removed. An absolute one that stays inside becomes a relative one; it may
    have been written while the folder was seen as ``seen_as``.
    """
    folder = folder.resolve()
    for link in links_below(folder):
        text = PurePosixPath(os.path.normpath(os.readlink(link)))
        for place in (seen_as, PurePosixPath(folder)):
            if text.is_relative_to(place):
                _unlink(link)
                link.symlink_to(os.path.relpath(folder / text.relative_to(place), link.parent))
                break
    removed = [link for link in links_below(folder) if not stays_inside(link, folder)]
    # Removed in the end: whether a link leads out is judged with all the others still there.
    for link in removed:
        _unlink(link)
    return [str(link.relative_to(folder)) for link in removed]


def refuse_links(*folders: Path) -> None:
    """Raises `KernelgenError` where one of the folders, which a run moves or empties, is a link to another place."""
    for folder in folders:
        if folder.is_symlink():
            raise KernelgenError(
                f"{folder}: is a link to {os.readlink(folder)}, where a run may not move or remove what others keep; "
                "remove the link, or name a folder on that disk with --out"
            )


def _unlink(link: Path) -> None:
    try:
        link.unlink()
    except PermissionError:  # in a folder that the kernel has locked
        link.parent.chmod(0o700)
        link.unlink()
