"""What a run on Kaggle left: every file and the log, brought to OUT/NAME/output whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import requests

from kernelgen.chaining.finished import forget_output, note_output, output_folder
from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import PAGE, Kaggle, pages
from kernelgen.publishing.logs import readable
from kernelgen.publishing.refusals import Refused
from kernelgen.publishing.uploads import size_text
from kernelgen.publishing.waiting import wait_for

CHUNK = 1 << 20
TIMEOUT_SECONDS = 120
TRIES = 3
# What proxies and error pages come as, and the files that may.
_PAGES = {"text/html": (".html", ".htm"), "application/json": (".json", ".jsonl", ".geojson", ".ipynb")}


class Listing:
    """The files that a version's run left.

    Attributes:
        files: an address by name, good for some minutes.
        log: as Kaggle gives it; "" if there is none.
    """

    def __init__(self, kaggle: Kaggle, identity: str, version: int | None) -> None:
        self._kaggle, self._identity, self._version = kaggle, identity, version
        self.files: dict[str, str] = {}
        self.log = ""
        self.refresh()

    def refresh(self) -> None:
        """Ask for the list, with addresses that are good again.

        Raises:
            KernelgenError: Kaggle does not tell it.
        """
        what = f"the output of kernel {self._identity}"

        def look() -> tuple[str, tuple[dict[str, str], str] | None]:
            listed = self._kaggle.of_version(what, self._identity, self._version, self._read)
            if listed is None:
                raise Refused(f"kernel {self._identity}: has no output on Kaggle; push it, and let it finish", 404)
            return "listed", listed

        if listed := wait_for(self._kaggle, look, what, once=True):
            self.files |= listed[0]
            self.log = listed[1]

    def _read(self, client: Any, label: str | None) -> tuple[dict[str, str], str]:
        owner, slug = self._identity.split("/")
        request = self._kaggle.request(
            "ApiListKernelSessionOutputRequest", user_name=owner, kernel_slug=slug, page_size=PAGE, version_label=label
        )
        listed = list(pages(client.kernels.kernels_api_client.list_kernel_session_output, request))
        files = {str(file.file_name): str(file.url) for page in listed for file in page.files or []}
        if not all(files) or not all(files.values()):
            raise LookupError("a file without a name or an address")
        log = next((page.log for page in listed if page.log), "")
        if not files and not log:  # of a run that is over there is a log at least
            raise LookupError("neither files nor a log")
        return files, log if isinstance(log, str) else json.dumps(log)

    def fetch(self, name: str, path: Path) -> int:
        """Download a file to ``path``; its size in bytes. With a new address where the one of the list ran out."""
        what = f"{name} of kernel {self._identity}"
        for number in range(1, TRIES + 1):
            try:
                return self._kaggle.use(what, lambda: _download(self.files[name], path))
            except Refused as error:
                if not 400 <= (error.status or 0) < 500:
                    raise
                if number == TRIES:
                    raise KernelgenError(
                        f"{what}: Kaggle does not hand it out ({error.status}), by a new list either; try again later"
                    ) from None
            self.refresh()
        raise AssertionError


def read_log(kaggle: Kaggle, identity: str, version: int | None) -> str:
    """The log of a run, as Kaggle gives it; "" if there is none."""
    return Listing(kaggle, identity, version).log


def read_output(kaggle: Kaggle, identity: str, version: int | None, name: str) -> str | None:
    """The text of one file of a version's output; None if there is no such file."""
    listing = Listing(kaggle, identity, version)
    if name not in listing.files:
        return None
    try:
        with tempfile.TemporaryDirectory() as folder:
            listing.fetch(name, path := Path(folder) / name)
            return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise KernelgenError(f"{name} of kernel {identity}: {error.filename}: {error.strerror}") from None


def fetch_outputs(
    kaggle: Kaggle, identity: str, version: int | None, out: Path, kernel: str, say: Callable[[str], None]
) -> Path:
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
        listing = Listing(kaggle, identity, version)
        names = list(listing.files)
        for name in names:
            say(f"kernel {identity}: fetching {readable(name)}")
            size += listing.fetch(name, partial / _inside(identity, name))
        _write_log(partial / f"{identity.split('/')[1]}.log", listing.log, say)
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
    say(f"kernel {identity}: {len(names)} files, {size_text(size)}, in {folder}")
    return folder


def _write_log(path: Path, log: str, say: Callable[[str], None]) -> None:
    """Write a log whatever it holds: of half a character its escape, which in JSON is what it was."""
    try:
        if log:
            path.write_text(log, encoding="utf-8", errors="backslashreplace", newline="")
    except OSError as error:  # a folder of the output has its name
        say(f"note: {path.name}: {error.strerror}; the log was not kept")


def _download(address: str, path: Path) -> int:
    """Stream a file to ``path``, which holds all of it or is written anew; its size in bytes.

    Not by the client's own download, which takes an error page for the file.

    Raises:
        requests.RequestException, OSError: it did not arrive, or cannot be written.
        ValueError: a page came instead of the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with requests.get(address, stream=True, timeout=TIMEOUT_SECONDS) as response, open(path, "wb") as file:
        response.raise_for_status()
        digest = _announced_digest(response)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
        foreign = kind in _PAGES and path.suffix.lower() not in _PAGES[kind]
        if response.status_code != 200 or (foreign and not digest):
            raise ValueError("a page instead of the file")
        md5 = hashlib.md5(usedforsecurity=False)
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
            md5.update(chunk)
        expected = response.headers.get("Content-Length", "")
        encoded = response.headers.get("Content-Encoding")
    size = path.stat().st_size
    if expected.isdecimal() and not encoded and size != int(expected):
        raise requests.ConnectionError(f"{size} bytes of {expected}")
    if digest and not encoded and digest != base64.b64encode(md5.digest()).decode():
        raise requests.ConnectionError("other bytes than were announced")
    return size


def _announced_digest(response: requests.Response) -> str:
    """The MD5 in base64 that Google's storage sends with a file; "" if there is none."""
    hashes = dict(part.strip().partition("=")[::2] for part in response.headers.get("x-goog-hash", "").split(","))
    return hashes.get("md5", "")


def _inside(identity: str, name: str) -> PurePosixPath:
    path = PurePosixPath(readable(name))
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise KernelgenError(f"kernel {identity}: its output names the file {name!r}; not fetched")
    return path
