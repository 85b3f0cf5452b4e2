"""What a run on Kaggle left: every file and the log, brought to OUT/NAME/output whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import requests

from kernelgen.chaining.finished import forget_output, note_output, output_folder
from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import Kaggle, label_of
from kernelgen.publishing.datasets import size_text

PAGE = 100
CHUNK = 1 << 20
TIMEOUT_SECONDS = 120


def read_log(kaggle: Kaggle, identity: str, version: int | None) -> str:
    """The log of a run, as Kaggle gives it; "" if there is none."""
    return _page(kaggle, identity, version, None).log or ""


def read_output(kaggle: Kaggle, identity: str, version: int | None, name: str) -> str | None:
    """The text of one file of a version's output; None if there is no such file."""
    for page in _pages(kaggle, identity, version):
        for file in page.files or []:
            if file.file_name == name:
                return kaggle.ask(f"{name} of kernel {identity}", lambda _, url=file.url: _text(url))
    return None


def fetch_outputs(
    kaggle: Kaggle, identity: str, version: int | None, out: Path, kernel: str, say: Callable[[str], None]
) -> Path:
    """Downloads all files of a version's output, and its log as SLUG.log, in place of what lay there.

    Raises:
        KernelgenError: a file did not arrive, or is named as no file may be; what lay there stays.
    """
    folder = output_folder(out, kernel)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    size = count = 0
    try:
        partial.mkdir(parents=True)
        for page in _pages(kaggle, identity, version):
            for file in page.files or []:
                say(f"kernel {identity}: fetching {file.file_name}")
                size += _download(kaggle, identity, file.url, partial / _inside(identity, file.file_name))
                count += 1
        if log := page.log or read_log(kaggle, identity, version):
            (partial / f"{identity.split('/')[1]}.log").write_text(log, encoding="utf-8")
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
    say(f"kernel {identity}: {count} files, {size_text(size)}, in {folder}")
    return folder


def _pages(kaggle: Kaggle, identity: str, version: int | None) -> Iterator[Any]:
    """Page after page of an output's list, at least one."""
    seen: set[str | None] = set()
    token: str | None = None
    while token not in seen:
        seen.add(token)
        page = _page(kaggle, identity, version, token)
        yield page
        token = page.next_page_token or None
        if token is None:
            return
    raise KernelgenError(f"kernel {identity}: Kaggle lists its output in a circle; try again later")


def _page(kaggle: Kaggle, identity: str, version: int | None, token: str | None) -> Any:
    from kagglesdk.kernels.types.kernels_api_service import ApiListKernelSessionOutputRequest

    def asked(label: str | None) -> Any:
        request = ApiListKernelSessionOutputRequest()
        request.user_name, request.kernel_slug = identity.split("/")
        request.page_size = PAGE
        if token:
            request.page_token = token
        if label:
            request.version_label = label
        return kaggle.ask_if_there(
            f"the output of kernel {identity}",
            lambda client: client.kernels.kernels_api_client.list_kernel_session_output(request),
        )

    page = asked(label_of(version)) if version else None
    page = page or asked(None)
    if page is None:
        raise KernelgenError(f"kernel {identity}: has no output on Kaggle; push it, and let it finish")
    return page


def _download(kaggle: Kaggle, identity: str, url: str, path: Path) -> int:
    """Streams a file; its size in bytes. The client's own download takes an error page for the file."""

    def get(_: Any) -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        with requests.get(url, stream=True, timeout=TIMEOUT_SECONDS) as response, open(path, "wb") as file:
            response.raise_for_status()
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
            expected = response.headers.get("Content-Length")
            encoded = response.headers.get("Content-Encoding")
        size = path.stat().st_size
        if expected is not None and not encoded and size != int(expected):
            raise requests.ConnectionError(f"{size} bytes of {expected}")
        return size

    return kaggle.ask(f"{path.name} of kernel {identity}", get)


def _text(url: str) -> str:
    response = requests.get(url, timeout=TIMEOUT_SECONDS)
    response.raise_for_status()
    return response.text


def _inside(identity: str, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise KernelgenError(f"kernel {identity}: its output names the file {name!r}; not fetched")
    return path
