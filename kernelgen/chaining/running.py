"""One kernel's run, from its mounts to the mark that it is finished."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kernelgen.chaining.earlier import prepare_earlier
from kernelgen.chaining.finished import forget_run, note_run, run_folder
from kernelgen.recipe.project import Kernel
from kernelgen.running import Mount, RunResult, find_environment, run_notebook


def run_kernel(
    kernel: Kernel,
    out: Path,
    mounts: Sequence[Mount],
    *,
    layout: str = "new",
    environment: Mapping[str, str] | None = None,
    earlier: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> RunResult:
    """Runs the kernel that was built in ``out``; its output can feed others only if this succeeds.

    Args:
        earlier: the folder that ``--input`` gives for the kernel's own earlier output.
    """
    find_environment()  # before anything is moved: without one there is no run
    forget_run(out, kernel.name)
    if kernel.earlier:
        prepare_earlier(kernel, out, earlier, say)
    result = run_notebook(
        Path(out) / kernel.name / f"{kernel.name}.ipynb",
        mounts,
        folder=run_folder(out, kernel.name),
        layout=layout,
        time_limit_s=kernel.time_limit_minutes * 60,
        environment=dict(environment or {}),
    )
    if result.ok:
        note_run(out, kernel.name, result.seconds)
    return result
