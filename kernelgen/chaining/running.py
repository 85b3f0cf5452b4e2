"""A chain of runs: each kernel after those that it feeds on, from the mounts to the mark that it is finished."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kernelgen.chaining.earlier import has_output, prepare_earlier
from kernelgen.chaining.finished import built_notebook, forget_run, note_run, run_folder
from kernelgen.chaining.inputs import Command, check_mounts, fill_datasets, mounts_for
from kernelgen.recipe.project import Kernel, Project
from kernelgen.running.environment import note_on_python
from kernelgen.running.execution import RunResult, check_no_link, run_notebook
from kernelgen.running.run_folders import sole_use


@dataclass(frozen=True)
class Chain:
    """What is run, and with what.

    Attributes:
        notebooks: what was built, by the kernels' names. A run takes these bytes and not what lies in ``out``: there,
            another command may build meanwhile.
        inputs: folders by the names that ``--input`` gives.
        command: the command line, for messages that name another call of it.
    """

    project: Project
    kernels: Sequence[Kernel]
    notebooks: Mapping[str, bytes]
    out: Path
    inputs: Mapping[str, Path]
    command: Command
    layout: str = "new"
    environment: Mapping[str, str] | None = None


def run_chain(chain: Chain, say: Callable[[str], None], show: Callable[[RunResult], None]) -> bool:
    """Runs the kernels one after another; ``show`` is given each run that succeeded. False if one failed.

    Until the chain ends, no other run can write to the outputs that it makes and that it feeds on.

    Raises:
        KernelgenError: a source is not there, or a run could not start.
    """
    check_mounts(chain.project, chain.kernels, chain.out, chain.inputs, chain.command)
    note_on_python(say)
    fill_datasets(chain.project, chain.kernels, chain.inputs, say)
    with ExitStack() as locks:
        _lock_outputs(chain, locks)
        for kernel in chain.kernels:
            result = _run_kernel(chain, kernel, say)
            if not result.ok:
                say(f"error: kernel {kernel.name}: {result.message}")
                if kernel.earlier and has_output(chain.out, kernel.name):
                    given = kernel.earlier.name in chain.inputs
                    instead = f" (instead of --input {kernel.earlier.name}=FOLDER)" if given else ""
                    say(f"note: what it wrote so far is kept; the same command with --resume{instead} goes on from it")
                return False
            show(result)
    return True


def _lock_outputs(chain: Chain, locks: ExitStack) -> None:
    made = {kernel.name for kernel in chain.kernels}
    read = {source.kernel for kernel in chain.kernels for source in kernel.attached if source.kernel} - made
    for name in sorted(made):
        check_no_link(run_folder(chain.out, name))
        (chain.out / name).mkdir(parents=True, exist_ok=True)
        locks.enter_context(sole_use(chain.out / name))
    for name in sorted(read):
        if (chain.out / name).is_dir():
            locks.enter_context(sole_use(chain.out / name, shared=True))


def _run_kernel(chain: Chain, kernel: Kernel, say: Callable[[str], None]) -> RunResult:
    """Runs one kernel; its output can feed others only if this succeeds."""
    notebook, out = chain.notebooks[kernel.name], chain.out
    mounts = mounts_for(chain.project, kernel, out, chain.inputs, chain.command, say=say)
    built = built_notebook(out, kernel.name)
    if not built.is_file() or built.read_bytes() != notebook:
        say(f"note: {built} is another build's by now; this run takes the notebook that its own command built")
    forget_run(out, kernel.name)
    if kernel.earlier:
        prepare_earlier(kernel, out, chain.inputs.get(kernel.earlier.name), say)
    result = run_notebook(
        notebook,
        mounts,
        folder=run_folder(out, kernel.name),
        layout=chain.layout,
        time_limit_s=kernel.time_limit_minutes * 60,
        environment=chain.environment,
    )
    if result.dropped_links:
        names = ", ".join(result.dropped_links[:3]) + (", …" if len(result.dropped_links) > 3 else "")
        say(f"note: kernel {kernel.name}: links out of its output were removed from it: {names}")
    if result.ok:
        note_run(out, kernel.name, notebook, result.seconds)
    return result
