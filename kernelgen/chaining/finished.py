"""Which kernels have a finished run whose output can feed others: one made here, or one brought from Kaggle.

The marks lie beside OUT/NAME/run and OUT/NAME/output, not in them: what is in the folder is what the next kernel
sees. A mark is removed before its folder changes and written when all of it is there.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from kernelgen.writing import write_text

MARK, RUN, NOTEBOOK = "run-finished.json", "run", "__notebook__.ipynb"
FETCHED_MARK, FETCHED = "output-fetched.json", "output"
# What a kernel that goes on from its own earlier output leaves as long as there is more to do, and why.
UNFINISHED = "unfinished.txt"


def run_folder(out: Path, kernel: str) -> Path:
    """Where a kernel's run leaves its output."""
    return Path(out) / kernel / RUN


def forget_run(out: Path, kernel: str) -> None:
    """Called before a run: from now on nothing counts as finished."""
    (Path(out) / kernel / MARK).unlink(missing_ok=True)


def note_run(out: Path, kernel: str, notebook: bytes) -> None:
    """Called after a run of ``notebook`` that succeeded."""
    mark = {"notebook_sha256": hashlib.sha256(notebook).hexdigest()}
    write_text(Path(out) / kernel / MARK, json.dumps(mark) + "\n")


def is_finished(out: Path, kernel: str) -> bool:
    """Whether the kernel's last run succeeded and its output is there."""
    return (Path(out) / kernel / MARK).is_file() and (run_folder(out, kernel) / NOTEBOOK).is_file()


def output_folder(out: Path, kernel: str) -> Path:
    """Where the output of a run on Kaggle is brought to."""
    return Path(out) / kernel / FETCHED


def forget_output(out: Path, kernel: str) -> None:
    """Called before the output of another run takes its place."""
    (Path(out) / kernel / FETCHED_MARK).unlink(missing_ok=True)


def note_output(out: Path, kernel: str, version: int | None) -> None:
    """Called when all the output of a version's run on Kaggle is there."""
    write_text(Path(out) / kernel / FETCHED_MARK, json.dumps({"version": version}) + "\n")


def newest_output(out: Path, kernel: str) -> Path | None:
    """The folder that feeds others: of the last run that finished here or was brought from Kaggle."""
    newest = run_folder(out, kernel) if is_finished(out, kernel) else None
    fetched = output_folder(out, kernel)
    if (mark := fetched.with_name(FETCHED_MARK)).is_file() and fetched.is_dir():
        ran = fetched.with_name(MARK)
        if newest is None or mark.stat().st_mtime_ns > ran.stat().st_mtime_ns:
            return fetched
    return newest


def is_of_another_build(out: Path, kernel: str) -> bool:
    """Whether the finished run was one of another build than the one that lies there now."""
    mark = json.loads((Path(out) / kernel / MARK).read_text(encoding="utf-8"))
    notebook = built_notebook(out, kernel)
    built = hashlib.sha256(notebook.read_bytes()).hexdigest() if notebook.is_file() else None
    return bool(mark["notebook_sha256"] != built)


def built_notebook(out: Path, kernel: str) -> Path:
    """Where a build puts the kernel's notebook."""
    return Path(out) / kernel / f"{kernel}.ipynb"
