"""Runs on Kaggle: how they stand, when they end, what became of them."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import Kaggle, RunThere
from kernelgen.publishing.outputs import list_output, readable
from kernelgen.running.report import place_of_cell

logger = logging.getLogger(__name__)

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
# How papermill and IPython's tracebacks name a cell.
_CELL = re.compile(r'(?:Exception encountered at "In \[(\d+)\]"|Cell In\[(\d+)\])')
LAST_LINES = 15


def run_now(kaggle: Kaggle, identity: str, version: int | None, *, known: bool, wait: bool) -> RunThere | None:
    """How the run of a version stands, or of the newest; with ``wait``, how it ended; None where there is none.

    Args:
        known: it was pushed from here, so that a 404 is a server's hiccup.
    """
    run = kaggle.run(identity, version, known=known)
    if run is None or run.is_over or not wait:
        return run
    version_text = f", version {version}" if version else ""
    return first_that_ended(kaggle, {f"kernel {identity}{version_text}": (identity, version)})[1]


def first_that_ended(
    kaggle: Kaggle, running: dict[str, tuple[str, int | None]], to_come: int = 0
) -> tuple[str, RunThere]:
    """Wait until one of several runs is over: its name, and how it ended.

    Args:
        running: kernels and versions of theirs, by a name to show.
        to_come: how many more wait for them.
    """

    def look() -> tuple[str, tuple[str, RunThere] | None]:
        states = []
        for name, (identity, version) in running.items():
            run = kaggle.run(identity, version, known=True)
            assert run is not None  # else Refused
            states.append(f"{name} {run.status}")
            if run.is_over:
                return ", ".join(states), (name, run)
        return ", ".join(states) + (f", {to_come} to come" if to_come else ""), None

    ended = kaggle.wait_for(look, "on Kaggle")
    assert ended is not None  # there is no limit
    return ended


def check_ended_well(kaggle: Kaggle, identity: str, version: int | None, run: RunThere, notebook: Path | None) -> None:
    """For a run that is over: nothing if it is COMPLETE, else the end of its log and an error.

    Args:
        notebook: as it was pushed, to tell which cell failed, where the log tells its number.
    """
    if run.is_complete:
        return
    what = f"kernel {identity}, version {version}" if version else f"kernel {identity}"
    try:
        _, log = list_output(kaggle, identity, version)
    except KernelgenError as error:
        logger.warning(f"{error}")
        log = ""
    if lines := _last_lines(log):
        logger.info("\n    ".join([f"The end of the log of {what}:", *lines]))
    cell = _failing_cell(log, notebook)
    told = f": {readable(' '.join(run.failure.split()))}" if run.failure else ""
    at = f" in {cell}" if cell else ""
    advice = "push again" if run.status.startswith("CANCEL") else "correct it and push again"
    raise KernelgenError(f"{what}: ended in {run.status}{at}{told}; {advice} (kaggle.com/code/{identity})")


def _text_of(log: str) -> str:
    """What was printed: the log is a JSON list of pieces. Whatever is none (a log that was cut) is taken as it is."""
    try:
        pieces = json.loads(log)
        return readable("".join(str(piece["data"]) for piece in pieces if "data" in piece))
    except (ValueError, TypeError, RecursionError):
        return readable(log)


def _last_lines(log: str) -> list[str]:
    """The end of it, without colours, empty lines and bars that were written over."""
    lines = [_ANSI.sub("", line).rstrip("\r").rpartition("\r")[2].rstrip() for line in _text_of(log).split("\n")]
    # What Kaggle itself says while it turns the notebook into a page tells nothing of the run.
    return [line for line in lines if line and "[NbConvertApp]" not in line][-LAST_LINES:]


def _failing_cell(log: str, notebook: Path | None) -> str:
    """The cell that the log says failed, in words; "" if it does not say, or there is no notebook to look at."""
    told = _CELL.search(_ANSI.sub("", _text_of(log)))
    if told is None or notebook is None:
        return ""
    cells: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    # Empty cells are not run, and have no number.
    code = [
        index for index, cell in enumerate(cells) if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
    ]
    number = int(told[1] or told[2])
    return place_of_cell(cells, code[number - 1]) if 0 < number <= len(code) else ""
