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
# What Kaggle itself says while it turns the notebook into a page.
_OF_KAGGLE = re.compile(r"\[NbConvertApp\]")
LAST_LINES = 15


def readable(text: str) -> str:
    """The text with halves of characters put together, or replaced where the other half is missing."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def text_of(log: str) -> str:
    """What was printed. Kaggle gives JSON, a list or a line for each piece, with its stream and time.

    Whatever is no such piece (a log that was cut, plain text) is taken as it is.
    """
    pieces = _parsed(log)
    if not isinstance(pieces, list) or not any(map(_is_piece, pieces)):
        # Not by splitlines: what was printed may hold its other line breaks.
        lines = [f"{line}\n" for line in log.split("\n")]
        parsed = [_parsed(line.strip().strip("[],")) for line in lines]
        pieces = [piece if _is_piece(piece) else line for piece, line in zip(parsed, lines, strict=True)]
    return readable("".join(str(piece["data"] if _is_piece(piece) else piece) for piece in pieces))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_piece(piece: Any) -> bool:
    return isinstance(piece, dict) and "data" in piece


def last_lines(log: str) -> list[str]:
    """The end of it, without colours, empty lines and bars that were written over."""
    lines = [_ANSI.sub("", line).rstrip("\r").rpartition("\r")[2].rstrip() for line in text_of(log).splitlines()]
    return [line for line in lines if line and not _OF_KAGGLE.search(line)][-LAST_LINES:]


def failing_cell(log: str, notebook: Path | None) -> str:
    """The cell that the log says failed, in words; "" if it does not say, or there is no notebook to look at."""
    numbers = [int(first or second) for first, second in _CELL.findall(_ANSI.sub("", text_of(log)))]
    if not numbers or notebook is None:
        return ""
    try:
        cells: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        return ""
    code = [index for index, cell in enumerate(cells) if cell.get("cell_type") == "code" and _source(cell).strip()]
    number = numbers[0]
    return place_of_cell(cells, code[number - 1]) if 0 < number <= len(code) else ""


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)
