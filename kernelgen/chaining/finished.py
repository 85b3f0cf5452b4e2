"""Where a kernel's output lies, and whether it can feed others: of a run made here, or one brought from Kaggle.

The marks lie beside OUT/NAME/run and OUT/NAME/output, not in them: what is in the folder is what the next kernel
sees. A mark is removed before its folder changes and written when all of it is there.
"""

from __future__ import annotations

from pathlib import Path

_MARKS = {"run": "run-finished", "output": "output-fetched"}
# What a kernel that goes on from its own earlier output leaves as long as there is more to do, and why.
UNFINISHED = "unfinished.txt"


def run_folder(out: Path, kernel: str) -> Path:
    """Where a kernel's run leaves its output."""
    return Path(out) / kernel / "run"


def output_folder(out: Path, kernel: str) -> Path:
    """Where the output of a run on Kaggle is brought to."""
    return Path(out) / kernel / "output"


def forget(folder: Path) -> None:
    """Called before the folder changes: from now on it does not count as finished."""
    _mark(folder).unlink(missing_ok=True)


def note_finished(folder: Path) -> None:
    """Called when all the output of a run that succeeded is in the folder."""
    _mark(folder).touch()


def newest_output(out: Path, kernel: str) -> Path | None:
    """The folder that feeds others: of the last run that finished here or was brought from Kaggle."""
    folders = run_folder(out, kernel), output_folder(out, kernel)
    finished = [folder for folder in folders if _mark(folder).is_file() and folder.is_dir()]
    return max(finished, key=lambda folder: _mark(folder).stat().st_mtime_ns, default=None)


def _mark(folder: Path) -> Path:
    return folder.with_name(_MARKS[folder.name])
