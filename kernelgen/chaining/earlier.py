"""What earlier runs of a kernel left, for a run that goes on from it.

OUT/NAME/run is the last run's output, OUT/NAME/earlier what a run that goes on is given, and
OUT/NAME/previous what lay there when a run began anew. Files only ever move between the three, one rename
each: whenever this is interrupted, each file is in one place or the other, and the next call finishes it.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kernelgen.chaining.finished import run_folder
from kernelgen.errors import KernelgenError
from kernelgen.links import keep_links_inside, refuse_links
from kernelgen.recipe.project import Kernel
from kernelgen.running.room import NOTEBOOK, WORKING

logger = logging.getLogger(__name__)


def earlier_folder(out: Path, kernel: str) -> Path:
    """What is mounted for a run that goes on."""
    return Path(out) / kernel / "earlier"


def going_on(
    kernels: Sequence[Kernel], out: Path, *, resume: bool, inputs: Mapping[str, Path] | None = None
) -> list[Kernel]:
    """The kernels, those ``resumed`` that shall go on from their own earlier output, or from a folder that is given.

    Args:
        resume: whether ``--resume`` was given.
        inputs: those of the run; None where nothing runs here, so that nothing has to be here.

    Raises:
        KernelgenError: ``--resume`` was given, and none of the kernels can go on.
    """
    if resume and not any(kernel.earlier for kernel in kernels):
        raise KernelgenError(
            "--resume: none of the selected kernels reads its own earlier output; "
            'in its sources write earlier = "kernel:{self}"'
        )

    def goes_on(kernel: Kernel) -> bool:
        if kernel.earlier is None or inputs is None:
            return resume and kernel.earlier is not None
        if kernel.earlier.name in inputs:
            return True
        is_there = any(map(_holds_output, (run_folder(out, kernel.name), earlier_folder(out, kernel.name))))
        if resume and not is_there:
            logger.warning(f"kernel {kernel.name} has no earlier run in {out} and starts anew")
        return resume and is_there

    return [replace(kernel, resumed=goes_on(kernel)) for kernel in kernels]


def prepare_earlier(kernel: Kernel, out: Path, given: Path | None) -> None:
    """Before a run of a kernel that reads its own earlier output: nothing that is there may be lost.

    A run that goes on is given all that the runs before it left, of files that several wrote the newest: the
    last run may have ended before it had taken over what it was given. Before a run that starts anew, or from
    the folder ``given``, all this is put out of its way. The caller keeps other runs out of OUT/NAME.
    """
    run, earlier = run_folder(out, kernel.name), earlier_folder(out, kernel.name)
    refuse_links(run.parent, run, earlier)
    staged = earlier.with_name("earlier.part")
    for folder in (run, earlier):
        folder.mkdir(parents=True, exist_ok=True)
    if given:
        _remove(staged)
        # What a kernel left may hold links to any place of this machine: they are not followed.
        shutil.copytree(given, staged, symlinks=given.resolve().is_relative_to(out.resolve()))
        keep_links_inside(staged, WORKING)
    _move_into(run, earlier)
    if not kernel.resumed or given:
        # A run that failed at once must not push out what is worth keeping.
        if _holds_output(earlier):
            previous = earlier.with_name("previous")
            _remove(previous)
            os.rename(earlier, previous)
            logger.warning(f"what kernel {kernel.name} wrote before is now in {previous}")
        _remove(earlier)
    if given:
        os.rename(staged, earlier)


def _holds_output(folder: Path) -> bool:
    """Whether anything but the notebook lies in it."""
    return folder.is_dir() and any(path.name != NOTEBOOK for path in folder.iterdir())


def _move_into(source: Path, target: Path) -> None:
    for entry in list(source.iterdir()):
        place = target / entry.name
        if _is_folder(entry) and _is_folder(place):
            _move_into(entry, place)
            entry.rmdir()
        else:
            _remove(place)
            os.replace(entry, place)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _remove(path: Path) -> None:
    shutil.rmtree(path) if _is_folder(path) else path.unlink(missing_ok=True)
