"""Archives in a dataset, which Kaggle unpacks: weights.zip is seen as the folder weights.

Kaggle's documentation of datasets: "Archives are uncompressed on our side so that their contents are accessible in
Notebooks without requiring users to unzip them", for zip "as well as other common archive formats". Archives within
archives stay as they are, and so does a file whose name only looks like an archive's. A file that begins like an
archive too and then breaks off is a damaged archive.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from pathlib import Path

from kernelgen.errors import KernelgenError

_ZIP = ".zip"
_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_PACKED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))

# RuntimeError is zipfile's, for passwords and rare compressions, OSError the system's and bz2's.
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
)


def archive_stem(path: Path) -> str:
    """The name of the folder that Kaggle unpacks an archive into, be it damaged or not; empty if the file is none.

    Raises:
        KernelgenError: the archive's name leaves none for the folder.
    """
    endings = [ending for ending in (_ZIP, *_TAR) if path.name.lower().endswith(ending)]
    if not endings or not path.is_file() or not (_is_zip if endings[0] == _ZIP else _is_tar)(path):
        return ""
    stem = path.name[: -len(endings[0])]
    if not stem.strip("."):
        raise KernelgenError(f"{path}: has no name before its ending, which the folder on Kaggle would have; rename it")
    return stem


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks an archive into the new folder; no member gets out of it.

    Raises:
        KernelgenError: it is damaged, has a password, or a member would lead out of the folder.
    """
    folder.mkdir(parents=True)
    try:
        if archive.name.lower().endswith(_ZIP):
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(folder)
        else:
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
    except DAMAGED as error:
        why = (str(error) or type(error).__name__).splitlines()[0].rstrip(":")
        if isinstance(error, OSError) and error.filename:
            why = f"{error.strerror}: {Path(error.filename).name}"
        raise KernelgenError(f"{archive}: cannot be unpacked as Kaggle does: {why}; pack it again") from None


def _is_zip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"PK\3\4" or zipfile.is_zipfile(path)


def _is_tar(path: Path) -> bool:
    with open(path, "rb") as file:
        head = file.read(tarfile.BLOCKSIZE)
    try:
        for magic, opened in _PACKED:
            if head.startswith(magic):
                with opened(path) as unpacked:
                    head = unpacked.read(tarfile.BLOCKSIZE)
        return head[257:262] == b"ustar" or tarfile.is_tarfile(path)
    except DAMAGED:
        return True
