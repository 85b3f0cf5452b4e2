"""What a run on Kaggle left: every file and the log, brought to OUT/NAME/output whole or not at all."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import requests

from kernelgen.chaining.finished import forget_output, note_output, output_folder
from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import KNOWN, PAGE, Kaggle, pages
from kernelgen.publishing.retrying import Refused

logger = logging.getLogger(__name__)

CHUNK = 1 << 20
TIMEOUT_SECONDS = 120
TRIES = 3
# What proxies and error pages come as, and the files that may.
_PAGES = {"text/html": (".html", ".htm"), "application/json": (".json", ".jsonl", ".geojson", ".ipynb")}


def readable(text: str) -> str:
    """The text with halves of characters put together, or replaced where the other half is missing."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def list_output(kaggle: Kaggle, identity: str, version: int | None) -> tuple[dict[str, str], str]:
    """What the run of a version left, or of the newest: addresses by file name, good for some minutes, and the log."""
    request = kaggle.request("ApiListKernelSessionOutputRequest", identity, version, page_size=PAGE)

    def read(client: Any) -> tuple[dict[str, str], str]:
        listed = list(pages(client.kernels.kernels_api_client.list_kernel_session_output, request))
        files = {str(file.file_name): str(file.url) for page in listed for file in page.files or []}
        log = next((page.log for page in listed if page.log), "")
        if not files and not log:  # of a run that is over there is a log at least
            raise LookupError("neither files nor a log")
        return files, log if isinstance(log, str) else json.dumps(log)

    return kaggle.ask(f"the output of kernel {identity}", read, KNOWN)


def read_output(kaggle: Kaggle, identity: str, version: int | None, name: str) -> str | None:
    """The text of one file of a version's output; None if there is no such file."""
    files, _ = list_output(kaggle, identity, version)
    if name not in files:
        return None
    with tempfile.TemporaryDirectory() as folder:
        _fetch(kaggle, identity, version, files, name, path := Path(folder) / Path(name).name)
        return path.read_text(encoding="utf-8", errors="replace")


def fetch_outputs(kaggle: Kaggle, identity: str, version: int | None, out: Path, kernel: str) -> None:
    """Download all files of a version's output, and its log as SLUG.log, in place of what lay there.

    Raises:
        KernelgenError: a file did not arrive, or is named as no file may be; what lay there stays.
    """
    folder = output_folder(out, kernel)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    size = 0
    try:
        partial.mkdir(parents=True)
        files, log = list_output(kaggle, identity, version)
        names = list(files)
        for name in names:
            logger.info(f"kernel {identity}: fetching {readable(name)}")
            size += _fetch(kaggle, identity, version, files, name, partial / _inside(identity, name))
        log_path = partial / f"{identity.split('/')[1]}.log"
        if log and not log_path.exists():
            # Of half a character its escape, which in JSON is what it was.
            log_path.write_text(log, encoding="utf-8", errors="backslashreplace", newline="")
        forget_output(out, kernel)
        if folder.exists():
            shutil.rmtree(folder)
        os.rename(partial, folder)
    except OSError as error:
        raise KernelgenError(
            f"kernel {identity}: {error.filename or folder}: {error.strerror or error}; its output was not kept"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    note_output(out, kernel, version)
    logger.info(f"kernel {identity}: {len(names)} files, {size:,} bytes, in {folder}")


def _fetch(kaggle: Kaggle, identity: str, version: int | None, files: dict[str, str], name: str, path: Path) -> int:
    """Download a file to ``path``; its size in bytes. With a new address where the one of the list ran out."""
    what = f"{name} of kernel {identity}"
    for _ in range(TRIES):
        try:
            return kaggle.use(what, lambda: _download(files[name], path))
        except Refused as error:
            status = error.status or 0
            if not 400 <= status < 500:
                raise
        files.update(list_output(kaggle, identity, version)[0])
    raise KernelgenError(f"{what}: Kaggle does not hand it out ({status}), by a new list either; try again later")


def _download(address: str, path: Path) -> int:
    """Stream a file to ``path``, which holds all of it or is written anew; its size in bytes.

    Not by the client's own download, which takes an error page for the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with requests.get(address, stream=True, timeout=TIMEOUT_SECONDS) as response, open(path, "wb") as file:
        response.raise_for_status()
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
        # Google's storage announces the hash of what it hands out; proxies do not.
        foreign = kind in _PAGES and path.suffix.lower() not in _PAGES[kind] and "x-goog-hash" not in response.headers
        if response.status_code != 200 or foreign:
            raise ValueError("a page instead of the file")
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
        expected = response.headers.get("Content-Length", "")
        encoded = response.headers.get("Content-Encoding")
    size = path.stat().st_size
    if expected.isdecimal() and not encoded and size != int(expected):
        raise requests.ConnectionError(f"{size} bytes of {expected}")
    return size


def _inside(identity: str, name: str) -> PurePosixPath:
    path = PurePosixPath(readable(name))
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise KernelgenError(f"kernel {identity}: its output names the file {name!r}; not fetched")
    return path
