"""The table of cross-validation against the leaderboard, kept beside the recipe."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from kernelgen.errors import KernelgenError
from kernelgen.recipe.project import Project
from kernelgen.writing import write_text

TABLE = "kernel_templates/leaderboard.csv"
# What a kernel that submits may leave: {"score": 0.71, "name": "which score of what"}.
CROSS_VALIDATION = "cross_validation.json"


@dataclass(frozen=True)
class Row:
    """One submission, all as text."""

    submitted: str
    submission: str
    competition: str
    kernel: str
    version: str
    commit: str
    cv: str
    cv_of: str
    public: str
    private: str


@dataclass(frozen=True)
class CrossValidation:
    """What a kernel says of its own score; empty where it says nothing."""

    score: str = ""
    name: str = ""


def read_cross_validation(text: str | None) -> CrossValidation:
    """The kernel's own word, as far as it can be read."""
    try:
        document = json.loads(text or "{}")
    except ValueError:
        return CrossValidation()
    score = document.get("score") if isinstance(document, dict) else None
    if isinstance(score, bool) or not isinstance(score, int | float):
        return CrossValidation()
    return CrossValidation(f"{score:.4f}", str(document.get("name", "")))


def append(project: Project, row: Row) -> Path:
    """Adds the row to the table, or puts it in place of the one of the same submission.

    Raises:
        KernelgenError: the table there is another one.
    """
    path = project.root / TABLE
    columns = [one.name for one in fields(Row)]
    rows: list[dict[str, str]] = []
    if path.exists():
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
        if reader.fieldnames != columns:
            raise KernelgenError(
                f"{TABLE}: its columns are not {', '.join(columns)}; move it away, it was not touched "
                f"(submission {row.submission}: public {row.public or 'unknown'})"
            )
        rows = [one for one in reader if one["submission"] != row.submission]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows([*rows, asdict(row)])
    write_text(path, text.getvalue())
    return path
