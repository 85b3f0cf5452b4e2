"""Filling a dataset folder, by whatever its dataset.toml says that it is made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kernelgen.datasets.downloads import fill_downloads, missing_files
from kernelgen.datasets.folder import DatasetFolder
from kernelgen.datasets.outputs import fill_from_output
from kernelgen.datasets.private_files import check_private_files
from kernelgen.datasets.wheels import fill_wheels, missing_wheels
from kernelgen.errors import KernelgenError


def is_filled(dataset: DatasetFolder) -> bool:
    """Whether it can be attached: every pinned wheel or download with its hash, or any payload at all."""
    if dataset.table.wheels is not None:
        return not missing_wheels(dataset)
    if dataset.table.downloads:
        return not missing_files(dataset)
    return bool(dataset.payload())


def can_be_fetched(dataset: DatasetFolder) -> bool:
    """Whether it is filled from the network alone."""
    return dataset.table.wheels is not None or bool(dataset.table.downloads)


def fill(
    dataset: DatasetFolder,
    owner: str,
    say: Callable[[str], None] = lambda line: None,
    *,
    output_of: Callable[[str], Path | None] = lambda kernel: None,
) -> list[Path]:
    """Makes the dataset ready to be attached and uploaded; returns its payload and its metadata file.

    Args:
        output_of: the folder with a kernel's newest output; None where it has none.

    Raises:
        KernelgenError: where the payload can neither be made nor is there, or holds secrets.
    """
    if dataset.table.wheels is not None:
        payload = fill_wheels(dataset, say)
    elif dataset.table.downloads:
        payload = fill_downloads(dataset, say)
    elif dataset.table.output and (folder := output_of(dataset.table.output.kernel)):
        payload = fill_from_output(dataset, folder)
    else:
        payload = dataset.payload()
        if not payload and dataset.table.output:
            raise KernelgenError(
                f"{dataset.where}: kernel {dataset.table.output.kernel} has left nothing here to fill it with; run it "
                "(--run), or bring its output from Kaggle (--outputs)"
            )
        if not payload:
            raise KernelgenError(
                f"{dataset.where}: is empty, and dataset.toml does not say how to fill it; put its files in"
            )
    check_private_files(dataset)
    return [*payload, dataset.write_metadata(owner)]
