"""Uploads of single files, taken up where they broke off.

Kaggle takes files by Google's protocol (cloud.google.com/storage/docs/resumable-uploads): a PUT with
``Content-Range: bytes */SIZE`` is answered by 308 and how much has arrived. The client's own upload tries ten times
by itself, silently and for minutes, and takes a refused file for one that there never was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from kernelgen.errors import KernelgenError
from kernelgen.publishing.retrying import status_of
from kernelgen.publishing.waiting import Progress

if TYPE_CHECKING:
    from kernelgen.publishing.client import Kaggle

CHUNK = 1 << 20
TIMEOUT_SECONDS = 120
TRIES = 3


def upload(kaggle: Kaggle, what: str, path: Path) -> str:
    """Uploads one file for a dataset; returns the token that stands for it.

    Raises:
        KernelgenError: it was refused, or the connection stays broken.
    """
    for number in range(1, TRIES + 1):
        token, url = _start(kaggle, what, path)
        try:
            with Progress(what) as progress:
                _send(kaggle, what, path, url, progress.show_share)
            return token
        except KernelgenError as error:
            # An address that is no longer good, or a file that was refused: once more from the beginning.
            if not isinstance(error.__cause__, requests.HTTPError):
                raise
            if number == TRIES:
                raise KernelgenError(
                    f"{what}: Kaggle did not take it ({status_of(error.__cause__)}), so no version was made; check its "
                    "size and name, and try again"
                ) from error
    raise AssertionError


def _start(kaggle: Kaggle, what: str, path: Path) -> tuple[str, str]:
    from kagglesdk.blobs.types.blob_api_service import ApiBlobType, ApiStartBlobUploadRequest

    state = path.stat()
    request = ApiStartBlobUploadRequest()
    request.type = ApiBlobType.DATASET
    request.name = path.name
    request.content_length = state.st_size
    request.last_modified_epoch_seconds = int(state.st_mtime)
    answer = kaggle.ask(what, lambda client: client.blobs.blob_api_client.start_blob_upload(request))
    return answer.token, answer.create_url


def _send(kaggle: Kaggle, what: str, path: Path, url: str, show: Callable[[float], None]) -> None:
    size, begun = path.stat().st_size, False

    def put(_: object) -> bool:
        nonlocal begun
        start = _arrived(url, size) if begun else 0
        begun = True
        if start is None:
            return True
        headers = {"Content-Length": str(size - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        with open(path, "rb") as file:
            file.seek(start)
            body = _Counted(file, start, size, show)
            answer = requests.put(url, data=body if size else b"", headers=headers, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        if answer.status_code == 308:
            raise requests.ConnectionError("the upload is not complete")
        return True

    kaggle.ask(what, put)


def _arrived(url: str, size: int) -> int | None:
    """How many bytes Kaggle has of an upload that broke off; None for all."""
    answer = requests.put(
        url, headers={"Content-Length": "0", "Content-Range": f"bytes */{size}"}, timeout=TIMEOUT_SECONDS
    )
    if answer.status_code == 308:
        last = answer.headers.get("Range", "").rpartition("-")[2]
        return int(last) + 1 if last.isdecimal() else 0
    answer.raise_for_status()
    return None


class _Counted:
    """A file from some place on, that tells how far it was read."""

    def __init__(self, file, start: int, size: int, show: Callable[[float], None]) -> None:
        self.file, self.done, self.size, self.show = file, start, size, show
        self._left = size - start

    def __len__(self) -> int:
        return self._left

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.file.read(CHUNK):
            self.done += len(chunk)
            if self.size > 4 * CHUNK:
                self.show(self.done / self.size)
            yield chunk
