"""Filling a dataset folder, by whatever its dataset.toml says that it is made of."""

from __future__ import annotations

import fnmatch
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from kernelgen.datasets.downloads import fill_downloads, missing_files
from kernelgen.datasets.folder import DatasetFolder, OutputTable
from kernelgen.datasets.private_files import check_private_files
from kernelgen.datasets.wheels import fill_wheels, has_wheels
from kernelgen.errors import KernelgenError
from kernelgen.links import stays_inside


def is_filled(dataset: DatasetFolder) -> bool:
    """Whether it can be attached: every pinned wheel or download with its hash, or any payload at all."""
    if dataset.table.wheels:
        return has_wheels(dataset, dataset.table.wheels)
    if dataset.table.downloads:
        return not missing_files(dataset)
    return bool(dataset.payload())


def can_be_fetched(dataset: DatasetFolder) -> bool:
    """Whether it is filled from the network alone."""
    return bool(dataset.table.wheels or dataset.table.downloads)


def fill(
    dataset: DatasetFolder, owner: str, *, output_of: Callable[[str], Path | None] = lambda kernel: None
) -> list[Path]:
    """Makes the dataset ready to be attached and uploaded; returns its payload and its metadata file.

    Args:
        output_of: the folder with a kernel's newest output; None where it has none.

    Raises:
        KernelgenError: where the payload can neither be made nor is there, or holds secrets.
    """
    table, how = dataset.table, "dataset.toml does not say how to fill it; put its files in"
    if table.wheels:
        fill_wheels(dataset, table.wheels)
    elif table.downloads:
        fill_downloads(dataset)
    elif table.output:
        how = f"kernel {table.output.kernel} has left nothing here; --run it, or bring its --output from Kaggle"
        if folder := output_of(table.output.kernel):
            _fill_from_output(dataset, table.output, folder.resolve())
    if not (payload := dataset.payload()):
        raise KernelgenError(f"{dataset.where}: is empty, and {how}")
    check_private_files(dataset)
    return [*payload, dataset.write_metadata(owner)]


def _fill_from_output(dataset: DatasetFolder, table: OutputTable, folder: Path) -> None:
    """Makes files of a run's output the payload; what is no longer among them is removed at the end."""
    if dataset.folder.is_symlink():
        raise KernelgenError(
            f"{dataset.folder}: is a link to {os.readlink(dataset.folder)}; filling would remove what lies there; "
            "put a folder in its place"
        )
    # Links that lead out of the output lead to files of this machine.
    own = [path for path in folder.iterdir() if not path.is_symlink() or stays_inside(path, folder)]
    names = sorted(path.name for path in own if path.is_file() and not path.name.startswith("__"))
    chosen: set[str] = set()
    for pattern in table.files:
        if not (matching := fnmatch.filter(names, pattern)):
            raise KernelgenError(
                f"{dataset.where}/dataset.toml: [output] files: nothing in {folder} matches {pattern}; correct it, or "
                f"run kernel {table.kernel} again"
            )
        chosen |= set(matching)
    for name in sorted(chosen):
        part = dataset.folder / f".{name}.part"
        shutil.copyfile(folder / name, part)
        os.replace(part, dataset.folder / name)
    for path in dataset.payload():
        if path.relative_to(dataset.folder).as_posix() not in chosen:
            path.unlink()
