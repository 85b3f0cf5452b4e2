"""What would be sent of a dataset, without asking Kaggle anything."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
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
        identity: OWNER/SLUG.
        metadata: of dataset-metadata.json.
        files: every payload file by its name in the folder, with its SHA-256.
        entries: what is uploaded one by one: files, and folders that become an archive each.
    """

    dataset: DatasetFolder
    identity: str
    metadata: dict[str, Any]
    files: dict[str, str]
    entries: tuple[Path, ...]

    @property
    def size(self) -> int:
        """Of all files, in bytes."""
        return sum(self.size_of(name) for name in self.files)

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
    """What would be sent of a dataset that is filled.

    Raises:
        KernelgenError: something in its folder would not arrive, or not as it is.
    """
    metadata = json.loads((dataset.folder / METADATA).read_text(encoding="utf-8"))
    _check_links(dataset)
    payload = dataset.payload()
    names = [path.relative_to(dataset.folder) for path in payload]
    folders = sorted({name.parts[0] for name in names if len(name.parts) > 1})
    if folders and dataset.table.folders is None:
        raise KernelgenError(
            f'{dataset.where}: holds the folder {folders[0]}, which Kaggle would leave out; write folders = "zip" into '
            "dataset.toml, or put its files beside it"
        )
    entries = sorted({name.parts[0] for name in names})
    for name in entries:
        if name in _CLIENTS_OWN:
            raise KernelgenError(f"{dataset.where}: {name} is a name that Kaggle's client keeps for itself; rename it")
        if name in folders and f"{name}.{dataset.table.folders}" in entries:
            raise KernelgenError(
                f"{dataset.where}: the folder {name} becomes {name}.{dataset.table.folders}, which is there too; "
                "rename one of them"
            )
    return DatasetUpload(
        dataset,
        metadata["id"],
        metadata,
        {name.as_posix(): sha256(path) for name, path in zip(names, payload, strict=True)},
        tuple(dataset.folder / name for name in entries),
    )


def _check_links(dataset: DatasetFolder) -> None:
    """Refuse links that would be left out without a word, or packed as links."""
    for path in sorted(dataset.folder.rglob("*")):
        name = path.relative_to(dataset.folder)
        in_tar = path.is_symlink() and len(name.parts) > 1 and dataset.table.folders == "tar"
        if name.parts[0] == CACHE or (path.is_file() and not in_tar) or (path.is_dir() and not path.is_symlink()):
            continue
        raise KernelgenError(
            f"{dataset.where}: {name} is {'a link' if path.is_symlink() else 'no file'} that cannot be sent; put the "
            "files themselves there"
        )


def size_text(size: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}" if unit != "B" else f"{size:.0f} B"
        size /= 1000
    return f"{size:.3g} GB"
