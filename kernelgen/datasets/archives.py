"""Archives in a dataset, which Kaggle unpacks: weights.zip is seen as the folder weights.

Kaggle's documentation of datasets: "Archives are uncompressed on our side so that their contents are accessible in
Notebooks without requiring users to unzip them", for zip "as well as other common archive formats". It goes by the
name, and archives within archives stay as they are.
"""

from __future__ import annotations

import re
import tarfile
import zipfile
from pathlib import Path

from kernelgen.errors import KernelgenError

_ARCHIVE = re.compile(r"(.*[^.].*)\.(zip|tar(\.(gz|bz2|xz))?|tgz|tbz2|txz)", re.IGNORECASE)


def archive_stem(path: Path) -> str:
    """The name of the folder that Kaggle unpacks an archive into; empty if the file is none, by its name."""
    named = _ARCHIVE.fullmatch(path.name)
    return named[1] if named and path.is_file() else ""


def members(archive: Path) -> list[str]:
    """The names of an archive's members; [] if it is damaged."""
    try:
        with _opened(archive) as packed:
            return packed.namelist() if isinstance(packed, zipfile.ZipFile) else packed.getnames()
    except Exception:  # whatever zipfile, tarfile and the decompressors say about a damaged archive
        return []


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks an archive into the new folder; no member gets out of it.

    Raises:
        KernelgenError: it is none or damaged, has a password, or a member would lead out of the folder.
    """
    try:
        folder.mkdir(parents=True)
        with _opened(archive) as packed:
            packed.extractall(folder)
    except Exception as error:  # as above
        why = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, OSError) and error.filename:
            why = f"{error.strerror}: {Path(error.filename).name}"
        raise KernelgenError(f"{archive}: cannot be unpacked as Kaggle does: {why}; pack it again") from None


def _opened(archive: Path) -> zipfile.ZipFile | tarfile.TarFile:
    if archive.name.lower().endswith(".zip"):
        return zipfile.ZipFile(archive)
    packed = tarfile.open(archive)
    packed.extraction_filter = tarfile.data_filter
    return packed
