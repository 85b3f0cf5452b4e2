"""Checkpoints in the outputs of train kernels, wherever they lie in them."""

import filecmp
from collections.abc import Iterable
from pathlib import Path

from birdlib.errors import BirdlibError
from birdlib.weights.checkpoint import LAST


def find_checkpoints(folders: Iterable[Path]) -> list[Path]:
    """The checkpoints in some folders and all folders below them, by name.

    Each once: a session that continued another holds copies of what was finished there.

    Raises:
        BirdlibError: there is none, or two differ under one name.
    """
    folders = list(folders)
    by_name: dict[str, Path] = {}
    for path in sorted(path for folder in folders for path in folder.rglob(f"*{LAST}") if path.is_file()):
        other = by_name.setdefault(path.name, path)
        if other is not path and not filecmp.cmp(other, path, shallow=False):
            raise BirdlibError(f"{other} and {path} are two trainings of one name; attach one of them")
    if not by_name:
        raise BirdlibError(
            f"no *{LAST} in {', '.join(map(str, folders)) or 'no folder'}; attach the output of a train kernel"
        )
    return [by_name[name] for name in sorted(by_name)]
