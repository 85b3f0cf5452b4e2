"""Secrets in what a dataset would upload: they are refused before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator

from kernelgen.datasets.archives import archive_stem, members
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
        what = "is a file that holds secrets, by its name" if is_secret_file(name) else _secret_in(content)
        if what and name not in dataset.table.not_secret:
            problems.append(
                f"{dataset.where}: {name} {what}, and would be uploaded; take it out, or, if it is no secret, write "
                f"not_secret = {json.dumps([name])} into {DESCRIPTION}"
            )
    if problems:
        raise KernelgenError("\n".join(problems))


def _secret_in(content: bytes) -> str:
    """What a message says of a secret in a file; "" if there is none. In weights only known secrets are looked for."""
    if b"\0" in content and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        is_known = any(secret.encode() in content for secret in known_secrets())
        return "holds a secret of this machine's credentials" if is_known else ""
    return next((f"holds {kind} in line {line}" for line, kind in secrets_in(content)), "")


def _pieces(dataset: DatasetFolder) -> Iterator[tuple[str, bytes]]:
    """Every file that would be uploaded, with its first bytes; the names of members of archives as ARCHIVE/MEMBER."""
    yield DESCRIPTION, (dataset.folder / DESCRIPTION).read_bytes()
    pinned = {wanted.file for wanted in dataset.table.downloads if wanted.sha256}
    for path in dataset.payload():
        name = path.relative_to(dataset.folder).as_posix()
        if name in pinned or (dataset.table.wheels and path.suffix == ".whl"):
            continue
        with open(path, "rb") as file:
            yield name, file.read(READ_BYTES)
        for member in members(path) if archive_stem(path) else ():
            yield f"{name}/{member}", b""
