"""Runs on Kaggle: how they stand, when they end, what became of them."""

from __future__ import annotations

from pathlib import Path

from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import Kaggle, RunThere
from kernelgen.publishing.logs import failing_cell, last_lines, readable
from kernelgen.publishing.outputs import list_output
from kernelgen.publishing.waiting import wait_for


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
    """Wait until one of several runs is over.

    Args:
        running: kernels and versions of theirs, by a name to show.
        to_come: how many more wait for them.

    Returns:
        The name, and how the run ended.
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

    ended = wait_for(kaggle, look, "on Kaggle")
    assert ended is not None  # there is no limit
    return ended


def check_ended_well(kaggle: Kaggle, identity: str, version: int | None, run: RunThere, notebook: Path | None) -> None:
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
        log = list_output(kaggle, identity, version).log
    except KernelgenError as error:
        kaggle.say(f"note: {error}")
        log = ""
    if lines := last_lines(log):
        kaggle.say("\n    ".join([f"The end of the log of {what}:", *lines]))
    cell = failing_cell(log, notebook)
    told = f": {readable(' '.join(run.failure.split()))}" if run.failure else ""
    at = f" in {cell}" if cell else ""
    advice = "push again" if run.status.startswith("CANCEL") else "correct it and push again"
    raise KernelgenError(f"{what}: ended in {run.status}{at}{told}; {advice} (kaggle.com/code/{identity})")
