"""What a push would send, without asking Kaggle anything."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from kernelgen.built import BuiltKernel
from kernelgen.nodes import notebook_text
from kernelgen.publishing.uploads import DatasetUpload


def preview(uploads: Iterable[DatasetUpload], built: Iterable[BuiltKernel]) -> str:
    """Ids, titles, sources, sizes and hashes, in the order in which they would be sent."""
    lines: list[str] = []
    for upload in uploads:
        metadata = upload.metadata
        lines += [
            f"dataset {upload.identity}",
            f"    title {metadata['title']!r}, licence {metadata['licenses'][0]['name']}, {upload.size:,} bytes",
            *(f"    {digest}  {upload.size_of(name):>12,}  {name}" for name, digest in upload.files.items()),
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
