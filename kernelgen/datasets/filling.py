"""Filling a dataset folder, by whatever its dataset.toml says that it is made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kernelgen.datasets.folder import DatasetFolder
from kernelgen.datasets.wheels import fill_wheels, missing_wheels
from kernelgen.errors import KernelgenError


def is_filled(dataset: DatasetFolder) -> bool:
    """Whether it can be attached: every pinned wheel with its hash, or any payload at all."""
    if dataset.table.wheels is None:
        return bool(dataset.payload())
    return not missing_wheels(dataset)


def fill(dataset: DatasetFolder, owner: str, say: Callable[[str], None] = lambda line: None) -> list[Path]:
    """Makes the dataset ready to be attached and uploaded; returns its payload and its metadata file.

    Raises:
        KernelgenError: where the payload can neither be made nor is there.
    """
    if dataset.table.wheels is not None:
        payload = fill_wheels(dataset, say)
    else:
        payload = dataset.payload()
        if not payload:
            raise KernelgenError(
                f"{dataset.where}: is empty, and dataset.toml does not say how to fill it; put its files in"
            )
    return [*payload, dataset.write_metadata(owner)]
