"""Secrets in what a dataset would upload: they are refused before anything is sent."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from kernelgen.datasets.archives import archive_stem
from kernelgen.datasets.folder import DESCRIPTION, DatasetFolder
from kernelgen.errors import KernelgenError
from kernelgen.secrets.own_secrets import known_secrets
from kernelgen.secrets.patterns import is_secret_file, secrets_in

# Of each file so many bytes are read: a megabyte of text takes a third of a second.
READ_BYTES = 1 << 18
# A packed tar has to be unpacked to be read; up to this size that takes a second.
LARGEST_TAR_BYTES = 1 << 26


def check_private_files(dataset: DatasetFolder) -> None:
    """Refuses files of secrets, and texts that hold secrets, in a dataset's folder, its archives, its description.

    Looked at are the names of all files and the first 256 kB of each. Wheels and downloads whose hashes are pinned come
    from the web and are left out.

    Raises:
        KernelgenError: one line for each file, with the way out.
    """
    problems = []
    for name, content in _pieces(dataset):
        what = ""
        if is_secret_file(name):
            what = "is a file that holds secrets, by its name"
        elif places := _secrets(content):
            line, kind = places[0]
            what = f"holds {kind}" + (f" in line {line}" if line else "")
        if what and name not in dataset.table.not_secret:
            problems.append(
                f"{dataset.where}: {name} {what}, and would be uploaded; take it out, or, if it is no secret, write "
                f"not_secret = {json.dumps([name])} into {DESCRIPTION}"
            )
    if problems:
        raise KernelgenError("\n".join(problems))


def _secrets(content: bytes) -> list[tuple[int, str]]:
    if b"\0" not in content or content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return secrets_in(content)
    known = any(secret.encode() in content for secret in known_secrets())
    return [(0, "a secret of this machine's credentials")] if known else []


def _pieces(dataset: DatasetFolder) -> Iterator[tuple[str, bytes]]:
    """Every file that would be uploaded, with its first bytes; members of archives as ARCHIVE/MEMBER."""
    table = dataset.table
    texts = [table.title, table.subtitle or "", table.description or "", *table.keywords]
    yield DESCRIPTION, "\n".join(texts).encode()
    pinned = {wanted.file for wanted in table.downloads if wanted.sha256}
    for path in dataset.payload():
        name = path.relative_to(dataset.folder).as_posix()
        if name in pinned or (table.wheels and path.suffix == ".whl"):
            continue
        with open(path, "rb") as file:
            yield name, file.read(READ_BYTES)
        if archive_stem(path):
            for member, content in _members(path):
                yield f"{name}/{member}", content


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                for info in opened.infolist():
                    readable = not info.is_dir() and not info.flag_bits & 1  # 1: it has a password
                    with opened.open(info) if readable else io.BytesIO() as member:
                        yield info.filename, member.read(READ_BYTES)
        elif archive.stat().st_size <= LARGEST_TAR_BYTES:
            with tarfile.open(archive) as packed:
                for entry in packed:
                    inside = packed.extractfile(entry) if entry.isfile() else None
                    yield entry.name, inside.read(READ_BYTES) if inside else b""
    except (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, tarfile.TarError):
        return  # damaged: a run says so, and Kaggle does
