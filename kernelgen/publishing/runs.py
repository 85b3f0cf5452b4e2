"""Runs on Kaggle: how they stand, when they end, what became of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import Kaggle, RunThere
from kernelgen.publishing.logs import failing_cell, last_lines, readable
from kernelgen.publishing.outputs import read_log
from kernelgen.publishing.records import PushedKernel
from kernelgen.publishing.refusals import Refused
from kernelgen.publishing.waiting import wait_for


def run_now(kaggle: Kaggle, identity: str, version: int | None, *, known: bool, wait: bool) -> RunThere:
    """How the run of a version stands, or of the newest; with ``wait``, how it ended.

    Args:
        known: it was pushed from here, so that a 404 is a server's hiccup.

    Raises:
        Refused: the kernel is not on Kaggle.
    """

    def look() -> tuple[str, RunThere | None]:
        run = _known_run(kaggle, identity, version, "is not on Kaggle; push it first")
        return run.status, None if wait and not run.is_over else run

    what = f"kernel {identity}{f', version {version}' if version else ''}"
    run = wait_for(kaggle, look, what, once=not wait, known=known)
    assert run is not None  # there is no limit
    return run


def first_that_ended(kaggle: Kaggle, running: dict[str, PushedKernel], to_come: int) -> tuple[str, RunThere]:
    """Wait until one of several runs is over.

    Args:
        running: versions that were pushed, by a name to show.
        to_come: how many more wait for them.

    Returns:
        The name, and how the run ended.
    """

    def look() -> tuple[str, tuple[str, RunThere] | None]:
        states = []
        for name, pushed in running.items():
            line = f"Kaggle does not tell how version {pushed.version} runs; look at {pushed.url}"
            run = _known_run(kaggle, pushed.identity, pushed.version, line)
            states.append(f"{name} {run.status}")
            if run.is_over:
                return ", ".join(states), (name, run)
        return ", ".join(states) + (f", {to_come} to come" if to_come else ""), None

    ended = wait_for(kaggle, look, "on Kaggle")
    assert ended is not None  # there is no limit
    return ended


def _known_run(kaggle: Kaggle, identity: str, version: int | None, otherwise: str) -> RunThere:
    run = kaggle.run(identity, version)
    if run is None:
        raise Refused(f"kernel {identity}: {otherwise}", 404)
    return run


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
    told = f": {readable(' '.join(run.failure.split()))}" if run.failure else ""
    at = f" in {cell}" if cell else ""
    advice = "push again" if run.status.startswith("CANCEL") else "correct it and push again"
    raise KernelgenError(f"{what}: ended in {run.status}{at}{told}; {advice} (kaggle.com/code/{identity})")
