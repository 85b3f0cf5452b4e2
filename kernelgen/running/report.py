"""What is said about a run that did not end well: the cell, the last lines of its traceback, the notebook."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_TRACEBACK_LINES = 12
# The head of a frame in IPython's tracebacks: "FILE in FUNCTION" (7), "File FILE:LINE, in FUNCTION" (8). The notebook's
# library lies in a folder of its own: /tmp/pk-x1y2z3/pk/train.py.
_OF_LIBRARY = re.compile(r"(?:File )?/.*/(?P<name>[A-Za-z_]\w*)-[^/]+/(?P<file>(?P=name)/.*?\.py)(?::\d+)?,? in ")
_ARROW = re.compile(r"-+> *(?P<line>\d+) ?(?P<code>.*)")
_MARKER = "papermill-error-cell-tag"


def failing_cell(notebook: Path, cell_index: int | None) -> str:
    """The report on the cell that raised: where it is, the last line of the library, the end of its traceback."""
    cells = _cells(notebook)
    # The last one: an exit with status 0 is an error too, and does not end the run.
    for index in reversed(range(len(cells))):
        for output in cells[index].get("outputs", []):
            if output["output_type"] == "error":
                lines = _ANSI.sub("", "\n".join(output["traceback"])).rstrip().splitlines()
                place = f"{place_of_cell(cells, index)} failed{_last_library_line(lines)}"
                return "\n".join([place, *(f"    {line.rstrip()}" for line in lines[-_TRACEBACK_LINES:])])
    return f"{running_cell(notebook, cell_index) or 'the notebook'} failed without a traceback"


def _last_library_line(traceback: list[str]) -> str:
    """The last frame in a file of the library, in words; empty if the error went through none."""
    file, place = "", ""
    for line in traceback:
        if head := _OF_LIBRARY.match(line):
            file = head["file"]
        elif file and (arrow := _ARROW.match(line)):  # each frame has one
            file, place = "", f" in {file}:{arrow['line']}, `{arrow['code'].strip()[:80]}`"
    return place


def dead_kernel(notebook: Path, cell_index: int | None, status: int | str) -> str:
    """The report on a kernel process that is gone, with its exit status, or "" where that is not known."""
    way = f"it ended itself with exit status {status}"
    if status in ("", -signal.SIGKILL):
        way = "killed, as happens when memory runs out"
    elif isinstance(status, int) and status < 0:
        way = f"signal {-status}, {signal.strsignal(-status)}"
    return f"the kernel died in {running_cell(notebook, cell_index) or 'its start'} ({way})"


def running_cell(notebook: Path, cell_index: int | None) -> str:
    """The cell that was being run, in words; empty if none was."""
    return "" if cell_index is None else place_of_cell(_cells(notebook), cell_index)


def place_of_cell(cells: list[dict[str, Any]], index: int) -> str:
    """Words that lead a reader to a cell: number, execution count, heading and first line of code."""
    cell = cells[index]
    count = f" (In [{cell['execution_count']}])" if cell.get("execution_count") else ""
    first = next((line.strip() for line in "".join(cell["source"]).splitlines() if line.strip()), "(empty)")
    above = ["".join(other["source"]) for other in cells[:index] if other["cell_type"] == "markdown"]
    headings = _HEADING.findall("\n".join(above))
    heading = f' under "{headings[-1]}",' if headings else ""
    return f"cell {index + 1} of {len(cells)}{count},{heading} `{first[:80]}`"


def _cells(notebook: Path) -> list[dict[str, Any]]:
    """The notebook's own cells, without those that papermill adds to point at a failure."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        return []
    return [cell for cell in cells if _MARKER not in cell.get("metadata", {}).get("tags", [])]
