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
from pathlib import Path

from kernelgen.errors import KernelgenError

_ZIP = ".zip"
_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_PACKED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))


def archive_stem(path: Path) -> str:
    """The name of the folder that Kaggle unpacks an archive into, be it damaged or not; empty if the file is none.

    Raises:
        KernelgenError: the archive's name leaves none for the folder.
    """
    ending = next((ending for ending in (_ZIP, *_TAR) if path.name.lower().endswith(ending)), "")
    if not ending or not path.is_file() or not (_is_zip if ending == _ZIP else _is_tar)(path):
        return ""
    stem = path.name.removesuffix(path.name[-len(ending) :])
    if not stem.strip("."):
        raise KernelgenError(f"{path}: has no name before its ending, which the folder on Kaggle would have; rename it")
    return stem


def members(archive: Path) -> list[str]:
    """The names of an archive's members; [] if it is damaged."""
    try:
        with opened(archive) as packed:
            return packed.namelist() if isinstance(packed, zipfile.ZipFile) else packed.getnames()
    except Exception:  # whatever zipfile, tarfile and the decompressors say about a damaged archive
        return []


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks an archive into the new folder; no member gets out of it.

    Raises:
        KernelgenError: it is damaged, has a password, or a member would lead out of the folder.
    """
    try:
        folder.mkdir(parents=True)
        with opened(archive) as packed:
            packed.extractall(folder)
    except Exception as error:  # as above
        why = (str(error) or type(error).__name__).splitlines()[0].rstrip(":")
        if isinstance(error, OSError) and error.filename:
            why = f"{error.strerror}: {Path(error.filename).name}"
        raise KernelgenError(f"{archive}: cannot be unpacked as Kaggle does: {why}; pack it again") from None


def opened(archive: Path) -> zipfile.ZipFile | tarfile.TarFile:
    """Open a zip or, of any compression, a tar."""
    if archive.name.lower().endswith(_ZIP):
        return zipfile.ZipFile(archive)
    packed = tarfile.open(archive)
    packed.extraction_filter = tarfile.data_filter
    return packed


def _is_zip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"PK\3\4" or zipfile.is_zipfile(path)


def _is_tar(path: Path) -> bool:
    with open(path, "rb") as file:
        head = file.read(tarfile.BLOCKSIZE)
    try:
        for magic, unpacked in _PACKED:
            if head.startswith(magic):
                head = unpacked(path).read(tarfile.BLOCKSIZE)
        return head[257:262] == b"ustar" or tarfile.is_tarfile(path)
    except Exception:
        return True
