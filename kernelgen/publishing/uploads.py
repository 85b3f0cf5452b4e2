"""What a push would send, without asking Kaggle anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kernelgen.built import BuiltKernel
from kernelgen.datasets.folder import CACHE, METADATA, DatasetFolder, sha256
from kernelgen.errors import KernelgenError
from kernelgen.nodes import notebook_text
from kernelgen.recipe.project import Kernel, Project


@dataclass(frozen=True)
class DatasetUpload:
    """What a version of a dataset OWNER/SLUG is made of: the SHA-256 of each file, by its name, and of all of that."""

    dataset: DatasetFolder
    identity: str
    files: dict[str, str]
    content: str


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
    folder = dataset.folder
    if problem := next(_problems(dataset), ""):
        raise KernelgenError(f"{dataset.where}: {problem}")
    identity = json.loads((folder / METADATA).read_text(encoding="utf-8"))["id"]
    files = {path.relative_to(folder).as_posix(): sha256(path) for path in dataset.payload()}
    content = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    return DatasetUpload(dataset, identity, files, content)


def _problems(dataset: DatasetFolder) -> Iterator[str]:
    folder, packed = dataset.folder, dataset.table.folders
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if place.parts[0] != CACHE and path.is_symlink() and (len(place.parts) > 1 or not path.is_file()):
            yield f"{place} is a link that cannot be sent; put the files themselves there"
    entries = dataset.entries()
    for name in entries:
        if (folder / name).is_dir() and packed is None:
            advice = 'write folders = "zip" into dataset.toml, or put its files beside it'
            yield f"holds the folder {name}, which Kaggle would leave out; {advice}"
        if (folder / name).is_dir() and f"{name}.{packed}" in entries:
            yield f"the folder {name} becomes {name}.{packed}, which is there too; rename one of them"


def preview(uploads: Iterable[DatasetUpload], built: Iterable[BuiltKernel]) -> str:
    """Ids, titles, sources, sizes and hashes, in the order in which they would be sent."""
    lines: list[str] = []
    for upload in uploads:
        lines += [
            f"dataset {upload.identity}",
            f"    title {upload.dataset.table.title!r}, licence {upload.dataset.table.license}",
        ]
        for name, digest in upload.files.items():
            lines.append(f"    {digest}  {(upload.dataset.folder / name).stat().st_size:>12,}  {name}")
    for kernel in built:
        metadata, text = kernel.metadata, notebook_text(kernel.notebook).encode()
        lines += [
            f"kernel {metadata['id']}",
            f"    {hashlib.sha256(text).hexdigest()}  {len(text):>12,}  {metadata['code_file']}",
            *(f"    {key}: {value}" for key, value in metadata.items() if key not in ("id", "code_file")),
        ]
    return "\n".join(lines)
