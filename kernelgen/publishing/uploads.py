"""What a push would send, without asking Kaggle anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from kernelgen.built import BuiltKernel
from kernelgen.datasets.folder import CACHE, METADATA, DatasetFolder, sha256
from kernelgen.errors import KernelgenError
from kernelgen.nodes import notebook_text
from kernelgen.recipe.project import Kernel, Project

# Files that Kaggle's client reads as descriptions, and never uploads.
_CLIENTS_OWN = frozenset(
    "datapackage.json kernel-metadata.json model-metadata.json model-instance-metadata.json "
    "dataset-cover-image.png dataset-cover-image.jpg dataset-cover-image.jpeg dataset-cover-image.webp".split()
)


@dataclass(frozen=True)
class DatasetUpload:
    """What a version of a dataset OWNER/SLUG is made of: SHA-256 and size in bytes of each file, by its name."""

    dataset: DatasetFolder
    identity: str
    files: dict[str, str]
    sizes: dict[str, int]


def datasets_to_send(project: Project, selected: Iterable[Kernel | DatasetFolder]) -> list[DatasetFolder]:
    """The datasets that are selected, and those of this project that the selected kernels attach."""
    names: list[str | None] = []
    for target in selected:
        if isinstance(target, DatasetFolder):
            names.append(target.name)
        else:
            names += [source.dataset for source in target.attached if source.owner is None]
    return [project.datasets[name] for name in dict.fromkeys(names) if name]


def dataset_upload(dataset: DatasetFolder) -> DatasetUpload:
    """What would be sent of a dataset that is filled; an error where it would not arrive, or not as it is."""
    folder, packed = dataset.folder, dataset.table.folders
    problems = []
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        in_tar = len(place.parts) > 1 and packed == "tar"
        if place.parts[0] != CACHE and path.is_symlink() and (in_tar or not path.is_file()):
            problems.append(f"{place} is a link that cannot be sent; put the files themselves there")
    entries = dataset.entries()
    for name in entries:
        is_folder, archive = (folder / name).is_dir(), f"{name}.{packed}"
        if is_folder and packed is None:
            advice = 'write folders = "zip" into dataset.toml, or put its files beside it'
            problems.append(f"holds the folder {name}, which Kaggle would leave out; {advice}")
        if is_folder and archive in entries:
            problems.append(f"the folder {name} becomes {archive}, which is there too; rename one of them")
        if name in _CLIENTS_OWN:
            problems.append(f"{name} is a name that Kaggle's client keeps for itself; rename it")
    if problems:
        raise KernelgenError(f"{dataset.where}: {problems[0]}")
    payload = {path.relative_to(folder).as_posix(): path for path in dataset.payload()}
    return DatasetUpload(
        dataset,
        json.loads((folder / METADATA).read_text(encoding="utf-8"))["id"],
        files={name: sha256(path) for name, path in payload.items()},
        sizes={name: path.stat().st_size for name, path in payload.items()},
    )


def preview(uploads: Iterable[DatasetUpload], built: Iterable[BuiltKernel]) -> str:
    """Ids, titles, sources, sizes and hashes, in the order in which they would be sent."""
    lines: list[str] = []
    for upload in uploads:
        lines += [
            f"dataset {upload.identity}",
            f"    title {upload.dataset.table.title!r}, licence {upload.dataset.table.license}",
            *(f"    {digest}  {upload.sizes[name]:>12,}  {name}" for name, digest in upload.files.items()),
        ]
    for kernel in built:
        metadata, text = kernel.metadata, notebook_text(kernel.notebook).encode()
        machine = metadata.get("machine_shape") or ("GPU" if metadata["enable_gpu"] else "CPU")
        internet = "internet" if metadata["enable_internet"] else "no internet"
        private = "private" if metadata["is_private"] else "public"
        lines += [
            f"kernel {metadata['id']}",
            f"    title {metadata['title']!r}, {machine}, {internet}, {private}",
            f"    {hashlib.sha256(text).hexdigest()}  {len(text):>12,}  {metadata['code_file']}",
        ]
        for kind in ("competition", "dataset", "kernel", "model"):
            lines += [f"    {kind} {source}" for source in metadata[f"{kind}_sources"]]
    return "\n".join(lines)
