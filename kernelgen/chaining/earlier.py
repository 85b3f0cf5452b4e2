"""What earlier runs of a kernel left, for a run that goes on from it.

OUT/NAME/run is the last run's output, OUT/NAME/earlier what a run that goes on is given, and
OUT/NAME/previous what lay there when a run began anew. Files only ever move between the three, one rename
each: whenever this is interrupted, each file is in one place or the other, and the next call finishes it.
"""

from __future__ import annotations

import filecmp
import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from kernelgen.chaining.finished import NOTEBOOK, run_folder
from kernelgen.errors import KernelgenError
from kernelgen.links import keep_links_inside
from kernelgen.recipe.project import Kernel
from kernelgen.running.room import WORKING

logger = logging.getLogger(__name__)


def earlier_folder(out: Path, kernel: str) -> Path:
    """What is mounted for a run that goes on."""
    return Path(out) / kernel / "earlier"


def has_output(out: Path, kernel: str) -> bool:
    """Whether earlier runs left more than their notebook."""
    return any(map(_holds_output, (run_folder(out, kernel), earlier_folder(out, kernel))))


def has_more(out: Path, kernel: str) -> bool:
    """Whether the last run left a file, besides its notebook, that it was not given just so."""
    run, earlier = run_folder(out, kernel), earlier_folder(out, kernel)
    for path in run.rglob("*"):
        if path.is_file() and not path.name.startswith(NOTEBOOK):
            given = earlier / path.relative_to(run)
            if not given.is_file() or not filecmp.cmp(path, given):
                return True
    return False


def going_on(
    kernels: Iterable[Kernel],
    out: Path,
    *,
    resume: bool,
    inputs: Mapping[str, Path] | None = None,
) -> list[Kernel]:
    """The kernels, those ``resumed`` that shall go on from their own earlier output.

    Args:
        resume: whether ``--resume`` was given.
        inputs: those of the run; None where nothing runs here, so that nothing has to be here.

    Raises:
        KernelgenError: ``--resume`` was given, and none of them can go on; or a folder is given as well.
    """
    kernels = list(kernels)
    able = {kernel.name: kernel.earlier.name for kernel in kernels if kernel.earlier}
    if resume and not able:
        raise KernelgenError(
            "--resume: none of the selected kernels reads its own earlier output; "
            'in its sources write earlier = "kernel:{self}"'
        )
    given = {name for name, source in able.items() if inputs and source in inputs}
    if resume and given:
        name = min(given)
        raise KernelgenError(
            f"--input {able[name]}={(inputs or {})[able[name]]}: --resume goes on from what {name} wrote to {out} "
            "itself; give one of the two"
        )
    resumed = {name for name in able if inputs is None or has_output(out, name)} if resume else given
    if resume and not resumed:
        raise KernelgenError(
            f"--resume: no earlier run of {', '.join(able)} in {out}; run it without --resume, "
            f"or give --input {next(iter(able.values()))}=FOLDER"
        )
    for name in able:
        if resume and name not in resumed:
            logger.warning(f"kernel {name} has no earlier run and starts anew")
    return [replace(kernel, resumed=kernel.name in resumed) for kernel in kernels]


def prepare_earlier(kernel: Kernel, out: Path, given: Path | None) -> None:
    """Before a run of a kernel that reads its own earlier output: nothing that is there may be lost.

    A run that goes on is given all that the runs before it left, of files that several wrote the newest: the
    last run may have ended before it had taken over what it was given. Before a run that starts anew, or from
    the folder ``given``, all this is put out of its way. The caller keeps other runs out of OUT/NAME.
    """
    run, earlier = run_folder(out, kernel.name), earlier_folder(out, kernel.name)
    for folder in (run.parent, run, earlier):
        if folder.is_symlink():
            raise KernelgenError(f"{folder}: is a link to {os.readlink(folder)}, where nothing may be moved; remove it")
    staged = earlier.with_name("earlier.part")
    for folder in (run, earlier):
        folder.mkdir(parents=True, exist_ok=True)
    if given:
        _remove(staged)
        # What a kernel left may hold links to any place of this machine: they are not followed.
        shutil.copytree(given, staged, symlinks=given.resolve().is_relative_to(out.resolve()))
        keep_links_inside(staged, WORKING)
    _move_into(run, earlier)
    if given or not kernel.resumed:
        _set_aside(earlier, kernel)
    if given:
        os.rename(staged, earlier)


def _set_aside(earlier: Path, kernel: Kernel) -> None:
    previous = earlier.with_name("previous")
    if not _holds_output(earlier):
        _remove(earlier)  # a run that failed at once must not push out what is worth keeping
        return
    _remove(previous)
    os.rename(earlier, previous)
    name = kernel.earlier.name if kernel.earlier else ""
    logger.warning(
        f"what kernel {kernel.name} wrote before is now in {previous}; --input {name}={previous} goes on from it"
    )


def _holds_output(folder: Path) -> bool:
    """Whether anything but the notebook, whole or in part, lies in it."""
    return folder.is_dir() and any(not path.name.startswith(NOTEBOOK) for path in folder.iterdir())


def _move_into(source: Path, target: Path) -> None:
    for entry in list(source.iterdir()):
        place = target / entry.name
        if _is_folder(entry) and _is_folder(place):
            _move_into(entry, place)
            entry.rmdir()
            continue
        if _is_folder(entry) or _is_folder(place):
            _remove(place)
        os.replace(entry, place)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _remove(path: Path) -> None:
    shutil.rmtree(path) if _is_folder(path) else path.unlink(missing_ok=True)
