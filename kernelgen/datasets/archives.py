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

_ZIP = (".zip",)
_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


def archive_stem(path: Path) -> str:
    """The name of the folder that Kaggle unpacks an archive into; empty if the file is none."""
    for endings, is_one in ((_ZIP, zipfile.is_zipfile), (_TAR, tarfile.is_tarfile)):
        for ending in sorted(endings, key=len, reverse=True):
            if path.name.lower().endswith(ending) and len(path.name) > len(ending):
                return path.name[: -len(ending)] if path.is_file() and is_one(path) else ""
    return ""


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
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError) as error:
        raise KernelgenError(f"{archive}: cannot be unpacked as Kaggle does: {error}; pack it again") from None
    except (RuntimeError, NotImplementedError) as error:  # zipfile's, for passwords and rare compressions
        raise KernelgenError(f"{archive}: cannot be unpacked as Kaggle does: {error}; pack it plainly") from None
