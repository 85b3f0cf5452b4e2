"""A dataset made of what a kernel's run left: trained weights above all."""

from __future__ import annotations

import fnmatch
import os
import shutil
from pathlib import Path

from kernelgen.datasets.folder import DatasetFolder
from kernelgen.datasets.hashes import sha256
from kernelgen.errors import KernelgenError
from kernelgen.links import stays_inside


def fill_from_output(dataset: DatasetFolder, folder: Path) -> list[Path]:
    """Makes the files of ``folder`` that dataset.toml names the dataset's payload; returns them.

    Files are put in whole, one by one; what is no longer among them is removed at the end.

    Raises:
        KernelgenError: a pattern of dataset.toml matches nothing, or a file cannot be copied.
    """
    table = dataset.table.output
    if table is None:
        raise KernelgenError(f"{dataset.where}/dataset.toml: has no [output] table; add it")
    if dataset.folder.is_symlink():
        raise KernelgenError(
            f"{dataset.folder}: is a link to {os.readlink(dataset.folder)}; filling would remove what lies there; "
            "put a folder in its place"
        )
    folder = folder.resolve()
    names = sorted(path.name for path in folder.iterdir() if _is_own_file(path) and not path.name.startswith("__"))
    chosen = []
    for pattern in table.files:
        matching = fnmatch.filter(names, pattern)
        if not matching:
            raise KernelgenError(
                f"{dataset.where}/dataset.toml: [output] files: nothing in {folder} matches {pattern}; correct it, or "
                f"run kernel {table.kernel} again"
            )
        chosen += [name for name in matching if name not in chosen]
    try:
        for name in chosen:
            _put(folder / name, dataset.folder / name)
        for path in dataset.payload():
            if path.relative_to(dataset.folder).as_posix() not in chosen:
                path.unlink()
    except OSError as error:
        raise KernelgenError(f"{dataset.where}: {error.filename}: {error.strerror or error}; not filled") from None
    return dataset.payload()


def _is_own_file(path: Path) -> bool:
    """Whether it is a file of the output, itself or by a link within it; others lead to files of this machine."""
    return path.is_file() and (not path.is_symlink() or stays_inside(path, path.parent))


def _put(source: Path, target: Path) -> None:
    if target.is_file() and sha256(target) == sha256(source):
        return
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    shutil.copyfile(source, part)
    os.replace(part, target)
