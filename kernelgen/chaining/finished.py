"""Where a kernel's output lies, and whether it can feed others: of a run made here, or one brought from Kaggle.

The marks lie beside OUT/NAME/run and OUT/NAME/output, not in them: what is in the folder is what the next kernel
sees. A mark is removed before its folder changes and written when all of it is there.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from kernelgen.writing import write_text

NOTEBOOK = "__notebook__.ipynb"
_MARKS = {"run": "run-finished.json", "output": "output-fetched.json"}
# What a kernel that goes on from its own earlier output leaves as long as there is more to do, and why.
UNFINISHED = "unfinished.txt"


def run_folder(out: Path, kernel: str) -> Path:
    """Where a kernel's run leaves its output."""
    return Path(out) / kernel / "run"


def output_folder(out: Path, kernel: str) -> Path:
    """Where the output of a run on Kaggle is brought to."""
    return Path(out) / kernel / "output"


def built_notebook(out: Path, kernel: str) -> Path:
    """Where a build puts the kernel's notebook."""
    return Path(out) / kernel / f"{kernel}.ipynb"


def forget_run(out: Path, kernel: str) -> None:
    """Called before a run: from now on it does not count as finished."""
    _mark(run_folder(out, kernel)).unlink(missing_ok=True)


def note_run(out: Path, kernel: str, notebook: bytes) -> None:
    """Called after a run of ``notebook`` that succeeded."""
    _note(run_folder(out, kernel), notebook_sha256=hashlib.sha256(notebook).hexdigest())


def forget_output(out: Path, kernel: str) -> None:
    """Called before the output of another run takes its place."""
    _mark(output_folder(out, kernel)).unlink(missing_ok=True)


def note_output(out: Path, kernel: str, version: int | None) -> None:
    """Called when all the output of a version's run on Kaggle is there."""
    _note(output_folder(out, kernel), version=version)


def newest_output(out: Path, kernel: str) -> Path | None:
    """The folder that feeds others: of the last run that finished here or was brought from Kaggle."""
    folders = run_folder(out, kernel), output_folder(out, kernel)
    finished = [folder for folder in folders if _mark(folder).is_file() and folder.is_dir()]
    return max(finished, key=lambda folder: _mark(folder).stat().st_mtime_ns, default=None)


def is_of_another_build(out: Path, kernel: str) -> bool:
    """Whether the finished run was one of another build than the one that lies there now."""
    ran = json.loads(_mark(run_folder(out, kernel)).read_text(encoding="utf-8"))["notebook_sha256"]
    notebook = built_notebook(out, kernel)
    return not notebook.is_file() or bool(ran != hashlib.sha256(notebook.read_bytes()).hexdigest())


def _mark(folder: Path) -> Path:
    return folder.with_name(_MARKS[folder.name])


def _note(folder: Path, **facts: object) -> None:
    write_text(_mark(folder), json.dumps(facts) + "\n")
