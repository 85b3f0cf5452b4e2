"""Archives in a dataset, which Kaggle unpacks: weights.zip is seen as the folder weights.

Kaggle's documentation of datasets: "Archives are uncompressed on our side so that their contents are accessible in
Notebooks without requiring users to unzip them", for zip "as well as other common archive formats". Archives within
archives stay as they are, and so does a file whose name only looks like an archive's.
"""

from __future__ import annotations

import gzip
import lzma
import tarfile
import zipfile
import zlib
from pathlib import Path

from kernelgen.errors import KernelgenError

_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

# RuntimeError is zipfile's, for passwords and rare compressions.
_DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError, RuntimeError
)  # fmt: skip


def archive_stem(path: Path) -> str:
    """The name of the folder that Kaggle unpacks an archive into; empty if the file is none."""
    endings = [ending for ending in (".zip", *_TAR) if path.name.lower().endswith(ending)]
    if not endings or not path.is_file():
        return ""
    is_archive = zipfile.is_zipfile(path) if endings[0] == ".zip" else tarfile.is_tarfile(path)
    return path.name[: -len(endings[0])] if is_archive else ""


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks an archive into the new folder; no member gets out of it.

    Raises:
        KernelgenError: it is damaged, has a password, or a member would lead out of the folder.
    """
    folder.mkdir(parents=True)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(folder)
        else:
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
    except _DAMAGED as error:
        raise KernelgenError(f"{archive}: cannot be unpacked as Kaggle does: {error}; pack it again") from None
