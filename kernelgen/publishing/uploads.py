"""What would be sent of a dataset, without asking Kaggle anything."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kernelgen.datasets.folder import CACHE, METADATA, DatasetFolder
from kernelgen.datasets.hashes import sha256
from kernelgen.errors import KernelgenError
from kernelgen.recipe.project import Kernel, Project

# Files that Kaggle's client reads as descriptions, and never uploads.
_CLIENTS_OWN = frozenset(
    "datapackage.json kernel-metadata.json model-metadata.json model-instance-metadata.json "
    "dataset-cover-image.png dataset-cover-image.jpg dataset-cover-image.jpeg dataset-cover-image.webp".split()
)


@dataclass(frozen=True)
class DatasetUpload:
    """What a version of a dataset is made of.

    Attributes:
        metadata: of dataset-metadata.json.
        files: every payload file by its name in the folder, with its SHA-256.
    """

    dataset: DatasetFolder
    metadata: dict[str, Any]
    files: dict[str, str]

    @property
    def identity(self) -> str:
        """OWNER/SLUG."""
        return str(self.metadata["id"])

    @property
    def size(self) -> int:
        """Of all files, in bytes."""
        return sum(map(self.size_of, self.files))

    def size_of(self, name: str) -> int:
        """Of one file, in bytes."""
        return (self.dataset.folder / name).stat().st_size


def datasets_to_send(project: Project, selected: Iterable[Kernel | DatasetFolder]) -> list[DatasetFolder]:
    """The datasets that are selected, and those of this project that the selected kernels attach."""
    wanted: dict[str, DatasetFolder] = {}
    for target in selected:
        if isinstance(target, DatasetFolder):
            wanted[target.name] = target
        else:
            own = [source.dataset for source in target.attached if source.dataset and source.owner is None]
            wanted |= {name: project.datasets[name] for name in own}
    return list(wanted.values())


def dataset_upload(dataset: DatasetFolder) -> DatasetUpload:
    """What would be sent of a dataset that is filled; an error where it would not arrive, or not as it is."""
    for path in sorted(dataset.folder.rglob("*")):
        place = path.relative_to(dataset.folder)
        in_tar = len(place.parts) > 1 and dataset.table.folders == "tar"
        if place.parts[0] != CACHE and path.is_symlink() and (in_tar or not path.is_file()):
            raise KernelgenError(
                f"{dataset.where}: {place} is a link that cannot be sent; put the files themselves there"
            )
    payload, entries = dataset.payload(), dataset.entries()
    folders = [name for name in entries if (dataset.folder / name).is_dir()]
    if folders and dataset.table.folders is None:
        raise KernelgenError(
            f'{dataset.where}: holds the folder {folders[0]}, which Kaggle would leave out; write folders = "zip" into '
            "dataset.toml, or put its files beside it"
        )
    for name in entries:
        if name in _CLIENTS_OWN:
            raise KernelgenError(f"{dataset.where}: {name} is a name that Kaggle's client keeps for itself; rename it")
        if name in folders and (archive := f"{name}.{dataset.table.folders}") in entries:
            raise KernelgenError(
                f"{dataset.where}: the folder {name} becomes {archive}, which is there too; rename one of them"
            )
    metadata = json.loads((dataset.folder / METADATA).read_text(encoding="utf-8"))
    files = {path.relative_to(dataset.folder).as_posix(): sha256(path) for path in payload}
    return DatasetUpload(dataset, metadata, files)
