"""What became of a run on Kaggle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import Kaggle, RunThere
from kernelgen.publishing.logs import failing_cell, last_lines
from kernelgen.publishing.outputs import read_log


def check_ended_well(
    kaggle: Kaggle,
    identity: str,
    version: int | None,
    run: RunThere,
    notebook: Path | None,
    say: Callable[[str], None],
) -> None:
    """For a run that is over: nothing if it is COMPLETE, else the end of its log and an error.

    Args:
        notebook: as it was pushed, to tell which cell failed.

    Raises:
        KernelgenError: the run failed or was cancelled; with the failing cell, where the log tells it.
    """
    if run.is_complete:
        return
    what = f"kernel {identity}, version {version}" if version else f"kernel {identity}"
    try:
        log = read_log(kaggle, identity, version)
    except KernelgenError as error:
        say(f"note: {error}")
        log = ""
    if lines := last_lines(log):
        say(f"The end of the log of {what}:")
        for line in lines:
            say(f"    {line}")
    cell = failing_cell(log, notebook)
    told = f": {' '.join(run.failure.split())}" if run.failure else ""
    at = f" in {cell}" if cell else ""
    advice = "push again" if run.status.startswith("CANCEL") else "correct it and push again"
    raise KernelgenError(f"{what}: ended in {run.status}{at}{told}; {advice} (kaggle.com/code/{identity})")
