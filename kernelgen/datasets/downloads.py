"""A dataset of downloaded files: fetched from where dataset.toml says, and held against their hashes."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from kernelgen.datasets.folder import DatasetFolder, DownloadTable
from kernelgen.datasets.hashes import sha256
from kernelgen.errors import KernelgenError

ATTEMPTS, TIMEOUT_SECONDS = 3, 60
_CHUNK = 1 << 20


class _Broken(Exception):
    """A download that may succeed when tried again; the text says what happened."""


def missing_files(dataset: DatasetFolder) -> list[str]:
    """Names of the files that are not yet there with a right hash."""
    return [wanted.file for wanted in dataset.table.downloads if not _is_there(dataset, wanted)]


def fill_downloads(dataset: DatasetFolder, say: Callable[[str], None] = lambda line: None) -> list[Path]:
    """Downloads what is missing and returns the payload, other files of the folder included.

    Each file is moved in when all of it has arrived with its hash; what is there already stays.

    Raises:
        KernelgenError: one line, for a wrong hash, an address that has nothing, no network or a full disk.
    """
    for wanted in dataset.table.downloads:
        if not _is_there(dataset, wanted):
            digest = _fetch(dataset, wanted, say)
            if len(wanted.sha256) < len(digest):
                say(
                    f"{dataset.where}: {wanted.file} has sha256 {digest}; "
                    "write it into dataset.toml so that no other file is ever taken"
                )
    return dataset.payload()


def _is_there(dataset: DatasetFolder, wanted: DownloadTable) -> bool:
    path = dataset.folder / wanted.file
    return path.is_file() and sha256(path).startswith(wanted.sha256)


def _fetch(dataset: DatasetFolder, wanted: DownloadTable, say: Callable[[str], None]) -> str:
    """Puts one file into the folder; returns its SHA-256."""
    where = f"{dataset.where}: {wanted.file}"
    # Beside the folder, not in it: a killed download leaves nothing that could be uploaded.
    handle, name = tempfile.mkstemp(dir=dataset.folder.parent, prefix=f".{dataset.name}.")
    os.close(handle)
    draft = Path(name)
    try:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                digest = _download(wanted.url, draft, lambda size: say(f"{where}: downloading{size}"))
                break
            except _Broken as error:
                if attempt == ATTEMPTS:
                    raise KernelgenError(
                        f"{where}: cannot be downloaded from {wanted.url}: {error}; try again with network, "
                        "or put the file there by hand"
                    ) from None
                say(f"{where}: {error}; trying again")
                time.sleep(attempt)
            except urllib.error.HTTPError as error:
                raise KernelgenError(
                    f"{where}: {wanted.url} answers {error.code} {error.reason}; correct the url"
                ) from None
        if not digest.startswith(wanted.sha256):
            raise KernelgenError(
                f"{where}: {wanted.url} does not have the pinned sha256 {wanted.sha256} (got {digest}); "
                "do not trust it, or correct the pin"
            )
        target = dataset.folder / wanted.file
        os.chmod(draft, 0o644)
        os.replace(draft, target)
    except OSError as error:
        raise KernelgenError(f"{where}: cannot be written: {error.strerror or error}") from None
    finally:
        draft.unlink(missing_ok=True)
    return digest


def _download(url: str, path: Path, say_size: Callable[[str], None]) -> str:
    """Writes what ``url`` holds to ``path``; returns its SHA-256."""
    request = urllib.request.Request(url, headers={"User-Agent": "kernelgen"})
    hashed, received = hashlib.sha256(), 0
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise _Broken(f"answered {error.code}") from None
        raise
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(str(getattr(error, "reason", error)) or type(error).__name__) from None
    with response, open(path, "wb") as file:
        length = response.headers.get("Content-Length")
        say_size(f" ({int(length) / 1e6:.0f} MB)" if length else "")
        while True:
            try:
                chunk = response.read(_CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise _Broken(f"broke off after {received} bytes ({error})") from None
            if not chunk:
                break
            file.write(chunk)
            hashed.update(chunk)
            received += len(chunk)
    if length and received != int(length):
        raise _Broken(f"broke off after {received} of {length} bytes")
    return hashed.hexdigest()
