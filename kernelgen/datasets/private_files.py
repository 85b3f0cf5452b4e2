"""Secrets in what a dataset would upload: they are refused before anything is sent."""

from __future__ import annotations

import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from kernelgen.datasets.archives import DAMAGED, archive_stem
from kernelgen.datasets.folder import DESCRIPTION, DatasetFolder
from kernelgen.errors import KernelgenError
from kernelgen.secrets.own_secrets import known_secrets
from kernelgen.secrets.patterns import is_secret_file, secrets_in

# Of each file so many bytes are read: a megabyte of text takes a third of a second.
READ_BYTES = 1 << 18


def check_private_files(dataset: DatasetFolder) -> None:
    """Refuses files of secrets, and texts that hold secrets, in a dataset's folder and its description.

    Looked at are the names of all files, those in archives too, and the first 256 kB of each file. Wheels and downloads
    whose hashes are pinned come from the web and are left out.

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
    """Every file that would be uploaded, with its first bytes; the names of members of archives as ARCHIVE/MEMBER."""
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
        yield from ((f"{name}/{member}", b"") for member in _members(path))


def _members(path: Path) -> list[str]:
    try:
        if not archive_stem(path):
            return []
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as opened:
                return opened.namelist()
        with tarfile.open(path) as packed:
            return packed.getnames()
    except DAMAGED:
        return []  # damaged: a run says so, and Kaggle does
