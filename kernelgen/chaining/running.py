"""A chain of runs: each kernel after those that it feeds on, from the mounts to the mark that it is finished."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack

from kernelgen.chaining.earlier import prepare_earlier
from kernelgen.chaining.finished import forget, note_finished, run_folder
from kernelgen.chaining.inputs import Chain, check_mounts, fill_datasets, given_for, mounts_for
from kernelgen.recipe.project import Kernel
from kernelgen.running.environment import note_on_python
from kernelgen.running.execution import RunResult, run_notebook
from kernelgen.running.run_folders import sole_use

logger = logging.getLogger(__name__)


def run_chain(chain: Chain, show: Callable[[RunResult], None]) -> bool:
    """Runs the kernels one after another; ``show`` is given each run that succeeded. False if one failed.

    Until the chain ends, no other run can write to the outputs that it makes and that it feeds on.

    Raises:
        KernelgenError: a source is not there, or a run could not start.
    """
    check_mounts(chain)
    note_on_python()
    fill_datasets(chain)
    with ExitStack() as locks:
        _lock_outputs(chain, locks)
        for kernel in chain.kernels:
            result = _run_kernel(chain, kernel)
            if not result.ok:
                logger.error(f"kernel {kernel.name}: {result.message}")
                return False
            show(result)
    return True


def _lock_outputs(chain: Chain, locks: ExitStack) -> None:
    pairs = [(kernel, source) for kernel in chain.kernels for source in kernel.attached]
    read = {source.kernel for kernel, source in pairs if source.kernel and not given_for(kernel, source, chain.inputs)}
    made = {kernel.name for kernel in chain.kernels}
    for name in sorted(read | made):
        (chain.out / name).mkdir(parents=True, exist_ok=True)
        locks.enter_context(sole_use(chain.out / name, shared=name not in made))


def _run_kernel(chain: Chain, kernel: Kernel) -> RunResult:
    """Runs one kernel; its output can feed others only if this succeeds."""
    mounts, folder = mounts_for(chain, kernel), run_folder(chain.out, kernel.name)
    forget(folder)
    if kernel.earlier:
        prepare_earlier(kernel, chain.out, chain.inputs.get(kernel.earlier.name))
    notebook, limit_s = chain.notebooks[kernel.name], kernel.time_limit_minutes * 60
    result = run_notebook(notebook, mounts, folder=folder, layout=chain.layout, time_limit_s=limit_s)
    if result.ok:
        note_finished(folder)
    return result
