"""Which kernels have a finished run whose output can feed others.

The mark lies beside OUT/NAME/run, not in it: what is in the folder is what the next kernel sees. It is
removed before a run begins and written after one that succeeded.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from kernelgen.writing import write_text

MARK, RUN, NOTEBOOK = "run-finished.json", "run", "__notebook__.ipynb"


def run_folder(out: Path, kernel: str) -> Path:
    """Where a kernel's run leaves its output."""
    return Path(out) / kernel / RUN


def forget_run(out: Path, kernel: str) -> None:
    """Called before a run: from now on nothing counts as finished."""
    (Path(out) / kernel / MARK).unlink(missing_ok=True)


def note_run(out: Path, kernel: str, seconds: float) -> Path:
    """Called after a run that succeeded."""
    path = Path(out) / kernel / MARK
    mark = {"notebook_sha256": _built(out, kernel), "seconds": round(seconds, 1)}
    write_text(path, json.dumps(mark, indent=2, sort_keys=True) + "\n")
    return path


def is_finished(out: Path, kernel: str) -> bool:
    """Whether the kernel's last run succeeded and its output is there."""
    return (Path(out) / kernel / MARK).is_file() and (run_folder(out, kernel) / NOTEBOOK).is_file()


def is_of_another_build(out: Path, kernel: str) -> bool:
    """Whether the finished run was one of an earlier build than the one that lies there now."""
    try:
        mark = json.loads((Path(out) / kernel / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return mark.get("notebook_sha256") != _built(out, kernel)


def _built(out: Path, kernel: str) -> str | None:
    notebook = Path(out) / kernel / f"{kernel}.ipynb"
    return hashlib.sha256(notebook.read_bytes()).hexdigest() if notebook.is_file() else None
