"""The table of cross-validation against the leaderboard, kept beside the recipe."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from kernelgen.errors import KernelgenError
from kernelgen.publishing.outputs import readable
from kernelgen.recipe.project import Project
from kernelgen.writing import write_text

TABLE = "kernel_templates/leaderboard.csv"
# What a kernel that submits may leave: {"score": 0.71, "name": "which score of what"}.
CROSS_VALIDATION = "cross_validation.json"
COLUMNS = "submitted submission competition kernel version commit cv cv_of public private".split()


def read_cross_validation(text: str | None) -> tuple[str, str]:
    """What a kernel says of its own score, as far as it can be read: the score and its name, else empty."""
    try:
        document = json.loads(text or "{}")
        return f"{float(document['score']):.4f}", readable(str(document.get("name", "")))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return "", ""


def read_table(project: Project) -> list[dict[str, str]]:
    """The rows so far.

    Raises:
        KernelgenError: the file there is another table.
    """
    path = project.root / TABLE
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")), restkey="", restval="")
        rows = list(reader)
    except FileNotFoundError:
        return []
    except (OSError, ValueError, csv.Error):
        raise KernelgenError(f"{TABLE}: cannot be read as a table; move it away, it was not touched") from None
    if reader.fieldnames != COLUMNS or any("" in row for row in rows):
        raise KernelgenError(f"{TABLE}: its columns are not {', '.join(COLUMNS)}; move it away, it was not touched")
    return rows


def append(project: Project, row: dict[str, str]) -> Path:
    """Add the row to the table, or put it in place of that of the same submission."""
    rows = [before for before in read_table(project) if before["submission"] != row["submission"]]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows([*rows, row])
    path = project.root / TABLE
    write_text(path, text.getvalue())
    return path
