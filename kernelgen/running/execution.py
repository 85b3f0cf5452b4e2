"""Runs a built notebook as Kaggle would and says how it ended."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.links import keep_links_inside
from kernelgen.running.display import Display
from kernelgen.running.environment import find_environment
from kernelgen.running.fences import FENCES
from kernelgen.running.inputs import WORKING, Mount, places_of
from kernelgen.running.leftovers import end_marked
from kernelgen.running.report import dead_kernel, failing_cell, running_cell
from kernelgen.running.room import INPUT_ROOT, Plan, Room, fenced_room, open_room
from kernelgen.running.sole_use import remove, scratch_folder, sole_use

NOTEBOOK = "__notebook__.ipynb"
NO_SANDBOX = "KERNELGEN_NO_SANDBOX"
_GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class RunResult:
    """How a run ended. `message` is empty when every cell ran, else the report to show.

    `dropped_links` names the links that led out of the output, to files that are no part of it.
    """

    ok: bool
    notebook: Path
    folder: Path
    seconds: float
    message: str
    dropped_links: tuple[str, ...] = ()


@dataclass
class _Course:
    """What is known of a run while it goes on.

    The session reports `started`, the index of each `cell` that starts, how the kernel `died` (an exit status, or "")
    and why `papermill` gave up.
    """

    status: int = 0
    timed_out: bool = False
    no_root: str = ""
    started: bool = False
    cell: int | None = None
    died: int | str | None = None
    papermill: str = ""


def run_notebook(
    notebook: bytes,
    mounts: Sequence[Mount],
    *,
    folder: Path,
    layout: str = "new",
    time_limit_s: float,
    environment: Mapping[str, str] | None = None,
    show: bool = True,
) -> RunResult:
    """Runs `notebook` with `folder` as its working folder and `mounts` as its inputs.

    `folder` is emptied first; in the end it holds __notebook__.ipynb and all that the kernel left there, also
    where it failed or was stopped after `time_limit_s`. No link in it leads out of it. What the kernel prints is shown
    while it runs. No process, mount or temporary file stays, however this ends. `layout` is "new" or "old",
    Kaggle's two ways to mount inputs.

    Raises `KernelgenError` where the run cannot start: no environment, a missing input, a folder in use or one that
    no run made.
    """
    image = find_environment()
    check_no_link(folder)
    _check_made_by_runs(folder)
    folder = folder.resolve()
    places_of(mounts, layout)
    for inner in (mount.folder.resolve() for mount in mounts):
        if inner.is_relative_to(folder) or folder.is_relative_to(inner):
            raise KernelgenError(f"{folder}: is emptied for the run and cannot hold or lie in its input {inner}")
    began = time.monotonic()
    dropped: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with sole_use(folder), _ended_by_signals():
            _empty(folder)
            plan = Plan(notebook, mounts, layout, folder, image, dict(environment or {}))
            try:
                course = _run_in_some_room(plan, time_limit_s, show)
            finally:
                dropped = keep_links_inside(folder, WORKING)
    except OSError as error:
        where = error.filename or folder
        raise KernelgenError(f"{where}: {error.strerror or error}; the run could not go on") from error
    message = _message(course, folder / NOTEBOOK, time_limit_s)
    return RunResult(not message, folder / NOTEBOOK, folder, time.monotonic() - began, message, tuple(dropped))


def check_no_link(folder: Path) -> None:
    """Raises `KernelgenError` where a run's folder, or the one above it, is a link to what others keep."""
    for path in (folder, folder.parent):
        if path.is_symlink():
            raise KernelgenError(
                f"{path}: is a link to {os.readlink(path)}; a run empties its folder and does not touch what others "
                "keep there; remove the link, or name a folder on that disk with --out"
            )


def _check_made_by_runs(folder: Path) -> None:
    """Raises `KernelgenError` where emptying the folder would remove what no run left there."""
    names = os.listdir(folder) if folder.is_dir() else []
    if names and not any(name.startswith(NOTEBOOK) for name in names):
        raise KernelgenError(
            f"{folder}: holds {min(names)} but no {NOTEBOOK}, so no run made it; a run would empty it; move it away"
        )


def _run_in_some_room(plan: Plan, time_limit_s: float, show: bool) -> _Course:
    """Runs in a root of its own, or says loudly why not and runs without."""
    reasons = [f"{NO_SANDBOX} is set"] if os.environ.get(NO_SANDBOX) else []
    for fence in FENCES if not reasons else ():
        with scratch_folder(plan.folder.parent) as scratch, open(scratch / "fence", "w+b") as file:
            room = fenced_room(scratch, plan)
            try:
                room.command = fence(room, file)
            except KernelgenError as error:
                reasons.append(str(error))
                continue
            file.seek(0)
            course = _follow(room, file.fileno(), scratch / "said", time_limit_s, show)
        if course.started:
            return course
        reasons.append(course.no_root)
    _warn("; ".join(reasons))
    with scratch_folder(plan.folder.parent) as scratch:
        room = open_room(scratch, plan)
        try:
            return _follow(room, None, scratch / "said", time_limit_s, show)
        finally:
            end_marked(scratch.name)


def _follow(room: Room, inherited: int | None, said: Path, time_limit_s: float, show: bool) -> _Course:
    """Starts the session, shows the output, keeps the time, and ends everything however this is left."""
    course = _Course()
    report, report_write = os.pipe()
    try:
        with said.open("wb") as complaints:
            process = subprocess.Popen(
                [*room.command, str(report_write)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                pass_fds=[report_write] if inherited is None else [report_write, inherited],
                start_new_session=True,
                cwd=room.working if room.root is None else "/",
                env=room.environment,
            )
    except BaseException:
        os.close(report)
        raise
    finally:
        os.close(report_write)
    try:
        _watch(process, report, course, time_limit_s, show)
    finally:
        _end(process)
        os.close(report)
    course.status = process.returncode
    if not course.started:
        lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        course.no_root = lines[-1] if lines else f"{room.command[0]} gave up with exit status {course.status}"
    return course


def _watch(process: subprocess.Popen[bytes], report: int, course: _Course, time_limit_s: float, show: bool) -> None:
    """Until the session has closed its report: only then has it ended, while others may hold its output open."""
    assert process.stdout is not None
    display = Display(sys.stdout) if show else None
    deadline = time.monotonic() + time_limit_s
    lines = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(report, selectors.EVENT_READ)
        ended = False
        while not ended or selector.select(0):
            if time.monotonic() >= deadline and course.timed_out:
                process.kill()
                break
            if time.monotonic() >= deadline:
                course.timed_out = True
                deadline = time.monotonic() + _GRACE_SECONDS
                _stop(process)
            for key, _ in selector.select(max(deadline - time.monotonic(), 0)):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fileobj)
                    ended |= key.fd == report
                elif key.fd != report:
                    if display:
                        display.feed(data)
                else:
                    *whole, lines = (lines + data).split(b"\n")
                    for line in whole:
                        vars(course).update(json.loads(line))
    if display:
        display.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(b"stop\n")
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it has ended already


def _end(process: subprocess.Popen[bytes]) -> None:
    """Closing its input tells the session to end everything; after a run that finished, it has done so."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.close()
    except BrokenPipeError:
        pass
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def _message(course: _Course, notebook: Path, time_limit_s: float) -> str:
    """What went wrong, for the user; empty if nothing did."""
    if course.timed_out:
        cell = running_cell(notebook, course.cell)
        said = f"stopped after {_duration(time_limit_s)}: the time limit of the recipe"
        said += f"; it was in {cell}" if cell else ""
    elif course.status == 0:
        return ""
    elif course.died is not None:
        said = dead_kernel(notebook, course.cell, course.died)
    elif course.papermill:
        said = f"papermill could not run the notebook: {course.papermill}"
    elif not course.started:
        said = f"the run could not be started: {course.no_root}"
    else:
        said = failing_cell(notebook, course.cell)
    return f"{said}\nthe notebook as far as it came: {notebook}" if notebook.exists() else said


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.4g} min" if seconds >= 60 else f"{seconds:.4g} s"


def _warn(reason: str) -> None:
    print(
        f"""NOT ISOLATED: the run gets no root of its own ({reason}).
NOT ISOLATED: the kernel can reach the network and sees this machine's files, this repository among them.
NOT ISOLATED: its inputs are not at /kaggle/input but where {INPUT_ROOT} says, and are not read-only.
NOT ISOLATED: a kernel that passes here may still fail on Kaggle; switch user namespaces on to be sure.""",
        file=sys.stderr,
        flush=True,
    )


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            remove(entry)
        else:
            entry.unlink()


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP end the run as Ctrl-C does, so that nothing is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
