"""What a push would send, without asking Kaggle anything."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from kernelgen.built import BuiltKernel
from kernelgen.nodes import notebook_text
from kernelgen.publishing.uploads import DatasetUpload, size_text

_SOURCES = ("competition_sources", "dataset_sources", "kernel_sources", "model_sources")


def preview(uploads: Iterable[DatasetUpload], built: Iterable[BuiltKernel]) -> str:
    """Ids, titles, sources, sizes and hashes, in the order in which they would be sent."""
    lines: list[str] = []
    for upload in uploads:
        lines += _dataset(upload)
    for kernel in built:
        lines += _kernel(kernel)
    return "\n".join(lines)


def _dataset(upload: DatasetUpload) -> list[str]:
    metadata = upload.metadata
    lines = [
        f"dataset {upload.identity}",
        f"    title {metadata['title']!r}, licence {metadata['licenses'][0]['name']}, private, "
        f"{len(upload.files)} files, {size_text(upload.size)}",
    ]
    for name, digest in upload.files.items():
        archive = f"  (in {name.split('/')[0]}.{upload.dataset.table.folders})" if "/" in name else ""
        lines.append(f"    {digest}  {size_text(upload.size_of(name)):>8}  {name}{archive}")
    return lines


def _kernel(built: BuiltKernel) -> list[str]:
    metadata = built.metadata
    text = notebook_text(built.notebook).encode()
    machine = metadata.get("machine_shape") or ("GPU" if metadata["enable_gpu"] else "CPU")
    switches = [
        machine,
        "internet" if metadata["enable_internet"] else "no internet",
        "private" if metadata["is_private"] else "public",
        *([f"image {metadata['docker_image']}"] if "docker_image" in metadata else []),
    ]
    lines = [
        f"kernel {metadata['id']}",
        f"    title {metadata['title']!r}, {', '.join(switches)}",
        f"    {hashlib.sha256(text).hexdigest()}  {size_text(len(text)):>8}  {metadata['code_file']}",
    ]
    for key in _SOURCES:
        lines += [f"    {key.partition('_')[0]} {source}" for source in metadata[key]]
    return lines
