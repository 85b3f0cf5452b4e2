"""Runs a built notebook as Kaggle would and says how it ended."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.links import keep_links_inside, refuse_links
from kernelgen.running.environment import find_environment
from kernelgen.running.layouts import Mount, places_of
from kernelgen.running.leftovers import end_marked
from kernelgen.running.preparing import INPUT_ROOT, make_room
from kernelgen.running.report import dead_kernel, failing_cell, running_cell
from kernelgen.running.room import FENCES, NOTEBOOK, WORKING, Room
from kernelgen.running.run_folders import remove, scratch_folder

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class RunResult:
    """How a run ended. `message` is empty when every cell ran, else the report to show."""

    ok: bool
    folder: Path
    seconds: float
    message: str


# What is known of a run that has ended: its exit `status`, why it has `no_root`, and what the session reports: that it
# `started`, `timed_out`, the `cell` that it was in, the exit status of a kernel that `died`, what `papermill` raised.
_Course = dict[str, Any]


def run_notebook(
    notebook: bytes,
    mounts: Sequence[Mount],
    *,
    folder: Path,
    layout: str = "new",
    time_limit_s: float,
) -> RunResult:
    """Runs `notebook` with `folder` as its working folder and `mounts` as its inputs.

    `folder` is emptied first; in the end it holds __notebook__.ipynb and all that the kernel left there, also where it
    failed or was stopped. No link in it leads out of it. What the kernel prints is shown while it runs. No process and
    no mount stays, however this ends. `layout` is "new" or "old", Kaggle's two ways to mount inputs.

    Raises `KernelgenError` where the run cannot start: no environment, a missing input, a folder that no run made.
    """
    image = find_environment()
    _check_made_by_runs(folder)
    folder = folder.resolve()
    places_of(mounts, layout)
    for inner in (mount.folder.resolve() for mount in mounts):
        if inner.is_relative_to(folder) or folder.is_relative_to(inner):
            raise KernelgenError(f"{folder}: is emptied for the run and cannot hold or lie in its input {inner}")
    began = time.monotonic()
    # It ends the run as Ctrl-C does, so that nothing is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if folder.exists():
        remove(folder)
    folder.mkdir(parents=True)
    make = partial(make_room, notebook, mounts, layout, folder, image)
    try:
        course = _run_in_some_room(make, time_limit_s)
    finally:
        if removed := keep_links_inside(folder, WORKING):
            logger.warning(f"{folder}: links out of its output were removed: {', '.join(removed)}")
    message = _message(course, folder / NOTEBOOK, time_limit_s)
    return RunResult(not message, folder, time.monotonic() - began, message)


def _check_made_by_runs(folder: Path) -> None:
    """Raises `KernelgenError` where emptying the folder would remove what no run left there."""
    refuse_links(folder, folder.parent)
    names = os.listdir(folder) if folder.is_dir() else []
    if names and NOTEBOOK not in names:
        raise KernelgenError(
            f"{folder}: holds {min(names)} but no {NOTEBOOK}, so no run made it; a run would empty it; move it away"
        )


def _run_in_some_room(make: Callable[..., Room], time_limit_s: float) -> _Course:
    """Runs in a root of its own, or says loudly why not and runs without."""
    reasons = []
    for fence in FENCES:
        with scratch_folder() as scratch, open(scratch / "fence", "w+b") as file:
            room = make(scratch, is_fenced=True)
            tool, *arguments = fence(room, file)
            file.seek(0)
            # Where there is no such tool, env says it.
            room.command = ["/usr/bin/env", shutil.which(tool) or tool, *arguments]
            course = _follow(room, scratch, time_limit_s, [file.fileno()])
        if course.get("started"):
            return course
        reasons.append(course["no_root"])
    print(
        f"""NOT ISOLATED: the run gets no root of its own ({"; ".join(reasons)}).
NOT ISOLATED: the kernel can reach the network and sees this machine's files, this repository among them.
NOT ISOLATED: its inputs are not at /kaggle/input but where {INPUT_ROOT} says, and are not read-only.
NOT ISOLATED: a kernel that passes here may still fail on Kaggle; switch user namespaces on to be sure.""",
        file=sys.stderr,
        flush=True,
    )
    with scratch_folder() as scratch:
        try:
            return _follow(make(scratch, is_fenced=False), scratch, time_limit_s)
        finally:
            end_marked(scratch.name)


def _follow(room: Room, scratch: Path, time_limit_s: float, inherited: Sequence[int] = ()) -> _Course:
    """Starts the session, keeps the time, and ends everything however this is left."""
    course: _Course = {}
    sys.stdout.flush()
    ends = os.pipe()
    complaints = scratch / "complaints"
    with open(ends[0]) as report, open(ends[1], "w") as session_end, complaints.open("wb") as errors:
        process = subprocess.Popen(
            [*room.command, str(ends[1]), str(time.monotonic() + time_limit_s)],
            stdin=subprocess.PIPE,
            stderr=errors,
            pass_fds=[ends[1], *inherited],
            start_new_session=True,
            cwd="/",
            env=room.environment,
        )
        try:
            # The session keeps the time itself, to save what there is.
            process.wait(time_limit_s + _GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            course["timed_out"] = True
        finally:
            _end(process)
        course["status"] = process.returncode
        session_end.close()
        for line in report:  # it is short: all of it fits into the pipe
            course.update(json.loads(line))
    lines = complaints.read_text(errors="replace").strip().splitlines()
    course["no_root"] = lines[-1] if lines else f"{room.command[0]} gave up with exit status {process.returncode}"
    return course


def _end(process: subprocess.Popen[bytes]) -> None:
    """Closing its input tells the session to end everything; after a run that finished, it has done so."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _message(course: _Course, notebook: Path, time_limit_s: float) -> str:
    """What went wrong, for the user; empty if nothing did."""
    cell = course.get("cell")
    if "timed_out" in course:
        where = running_cell(notebook, cell) or "its start"
        reason = f"stopped after {time_limit_s / 60:.4g} min: the time limit of the recipe; it was in {where}"
    elif course["status"] == 0:
        return ""
    elif "started" not in course:
        reason = f"the run could not be started: {course['no_root']}"
    elif "papermill" in course:
        reason = f"papermill could not run the notebook: {course['papermill']}"
    elif "died" in course:
        reason = dead_kernel(notebook, cell, course["died"])
    else:
        reason = failing_cell(notebook, cell)
    return f"{reason}\nthe notebook as far as it came: {notebook}" if notebook.exists() else reason
