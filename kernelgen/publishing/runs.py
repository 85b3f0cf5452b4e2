"""Runs on Kaggle: how they stand, what became of them, and what they left, brought to OUT/NAME/output whole or not."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import requests

from kernelgen.chaining.finished import forget, note_finished, output_folder
from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import KNOWN, PAGE, Kaggle, KernelThere, RunThere
from kernelgen.publishing.failures import Refused
from kernelgen.running.report import place_of_cell

logger = logging.getLogger(__name__)

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
# How papermill and IPython's tracebacks name a cell.
_CELL = re.compile(r'(?:Exception encountered at "In \[(\d+)\]"|Cell In\[(\d+)\])')
LAST_LINES = 15
CHUNK = 1 << 20
TRIES = 3
# What proxies and error pages come as, and the files that may.
_PAGES = {"text/html": (".html", ".htm"), "application/json": (".json", ".jsonl", ".geojson", ".ipynb")}


def failure(kaggle: Kaggle, identity: str, version: int, run: RunThere) -> str:
    """Why a run that is over is not COMPLETE, with the notebook's cell; the end of its log is said at once."""
    what = f"kernel {identity}, version {version}"
    try:
        log = _printed(list_output(kaggle, identity, version)[1])
    except KernelgenError as error:
        logger.warning(f"{error}")
        log = ""
    # Without empty lines, bars that were written over, and what Kaggle says while it turns the notebook into a page.
    lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in log.split("\n")]
    lines = [line for line in lines if line and "[NbConvertApp]" not in line][-LAST_LINES:]
    if lines:
        logger.info("\n    ".join([f"The end of the log of {what}:", *lines]))
    told = f": {readable(' '.join(run.failure.split()))}" if run.failure else ""
    at, advice = _failing_cell(log, kaggle.kernel(identity)), "correct it and push again"
    return f"{what}: ended in {run.status}{at}{told}; {advice} (kaggle.com/code/{identity})"


def readable(text: str) -> str:
    """The text with halves of characters put together, or replaced where the other half is missing."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _printed(log: str) -> str:
    """What was printed, without colours: the log is a JSON list of pieces. One that is none is taken as it is."""
    try:
        log = "".join(str(piece["data"]) for piece in json.loads(log) if "data" in piece)
    except (ValueError, TypeError, RecursionError):
        pass
    return _ANSI.sub("", readable(log))


def _failing_cell(log: str, kernel: KernelThere | None) -> str:
    """The cell that the log says failed, in words; "" if it does not say."""
    told = _CELL.search(log)
    if told is None or kernel is None:
        return ""
    cells: list[dict[str, Any]] = json.loads(kernel.source)["cells"]
    # Empty cells are not run, and have no number.
    code = [
        index for index, cell in enumerate(cells) if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
    ]
    number = int(told[1] or told[2])
    return f" in {place_of_cell(cells, code[number - 1])}" if 0 < number <= len(code) else ""


# ------------------------------------------------------------ what runs left


def list_output(kaggle: Kaggle, identity: str, version: int) -> tuple[dict[str, str], str]:
    """What the run of a version left: addresses by file name, good for some minutes, and the log."""

    def read(pages: list[Any]) -> tuple[dict[str, str], str]:
        files = {str(file.file_name): str(file.url) for page in pages for file in page.files or []}
        log = next((page.log for page in pages if page.log), "")
        if (not files and not log) or "" in files:  # of a run that is over there is a log at least
            raise LookupError("neither files nor a log, or a file without a name")
        return files, log if isinstance(log, str) else json.dumps(log)

    what, method = f"the output of kernel {identity}", "list_kernel_session_output"
    return kaggle.ask(what, method, read, identity, KNOWN, version_label=f"v{version}", page_size=PAGE)


def read_output(kaggle: Kaggle, identity: str, version: int, name: str) -> str | None:
    """The text of one file of a version's output; None if there is no such file."""
    files, _ = list_output(kaggle, identity, version)
    if name not in files:
        return None
    with tempfile.TemporaryDirectory() as folder:
        _fetch(kaggle, identity, version, files, name, path := Path(folder) / Path(name).name)
        return path.read_text(encoding="utf-8", errors="replace")


def fetch_outputs(kaggle: Kaggle, identity: str, version: int, out: Path, kernel: str) -> None:
    """Bring all files of a version's output, and its log as SLUG.log, in place of what lay there, which else stays."""
    folder = output_folder(out, kernel)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        files, log = list_output(kaggle, identity, version)
        for name in list(files):
            logger.info(f"kernel {identity}: fetching {readable(name)}")
            path = PurePosixPath(readable(name))
            if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
                raise KernelgenError(f"kernel {identity}: its output names the file {name!r}; not fetched")
            _fetch(kaggle, identity, version, files, name, partial / path)
        log_path = partial / f"{identity.split('/')[1]}.log"
        if log and not log_path.exists():
            # Of half a character its escape, which in JSON is what it was.
            log_path.write_text(log, encoding="utf-8", errors="backslashreplace", newline="")
        forget(folder)
        if folder.exists():
            shutil.rmtree(folder)
        os.rename(partial, folder)
    except OSError as error:
        raise KernelgenError(
            f"kernel {identity}: {error.filename or folder}: {error.strerror or error}; its output was not kept"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    note_finished(folder)
    logger.info(f"kernel {identity}: {len(files)} files in {folder}")


def _fetch(kaggle: Kaggle, identity: str, version: int, files: dict[str, str], name: str, path: Path) -> None:
    """Download a file to ``path``, with a new address where the one of the list ran out."""
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


def _download(address: str, path: Path) -> None:
    """Stream a file to ``path``. Not by the client's own download, which takes an error page for the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with requests.get(address, stream=True) as response, open(path, "wb") as file:
        response.raise_for_status()
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
        # Google's storage announces the hash of what it hands out; proxies do not.
        foreign = kind in _PAGES and path.suffix.lower() not in _PAGES[kind] and "x-goog-hash" not in response.headers
        if response.status_code != 200 or foreign:
            raise ValueError("a page instead of the file")
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
