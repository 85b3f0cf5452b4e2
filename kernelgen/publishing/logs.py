"""The log of a run on Kaggle: its last lines, and the cell that failed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from kernelgen.running.report import place_of_cell

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
# How papermill and IPython's tracebacks name a cell.
_CELL = re.compile(r'(?:Exception encountered at "In \[(\d+)\]"|Cell In\[(\d+)\])')
LAST_LINES = 15


def readable(text: str) -> str:
    """The text with halves of characters put together, or replaced where the other half is missing."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def text_of(log: str) -> str:
    """What was printed: the log is a JSON list of pieces. Whatever is none (a log that was cut) is taken as it is."""
    try:
        pieces = json.loads(log)
        return readable("".join(str(piece["data"]) for piece in pieces if "data" in piece))
    except (ValueError, TypeError, RecursionError):
        return readable(log)


def last_lines(log: str) -> list[str]:
    """The end of it, without colours, empty lines and bars that were written over."""
    lines = [_ANSI.sub("", line).rstrip("\r").rpartition("\r")[2].rstrip() for line in text_of(log).split("\n")]
    # What Kaggle itself says while it turns the notebook into a page tells nothing of the run.
    return [line for line in lines if line and "[NbConvertApp]" not in line][-LAST_LINES:]


def failing_cell(log: str, notebook: Path | None) -> str:
    """The cell that the log says failed, in words; "" if it does not say, or there is no notebook to look at."""
    told = _CELL.search(_ANSI.sub("", text_of(log)))
    if told is None or notebook is None:
        return ""
    cells: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    # Empty cells are not run, and have no number.
    code = [
        index for index, cell in enumerate(cells) if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
    ]
    number = int(told[1] or told[2])
    return place_of_cell(cells, code[number - 1]) if 0 < number <= len(code) else ""
