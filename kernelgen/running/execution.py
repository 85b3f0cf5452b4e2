"""Runs a built notebook as Kaggle would and says how it ended."""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.running.display import Display
from kernelgen.running.environment import RunEnvironment, find_environment
from kernelgen.running.inputs import Mount, places_of
from kernelgen.running.report import dead_kernel, failing_cell, running_cell
from kernelgen.running.sandbox import (
    HOSTNAME,
    INPUT_ROOT,
    NO_SANDBOX,
    Room,
    fenced_room,
    open_room,
    scratch_parent,
)

NOTEBOOK = "__notebook__.ipynb"
_GRACE_SECONDS = 10.0
_SCRATCH_PREFIX = "kernelgen-run-"


@dataclass(frozen=True)
class RunResult:
    """How a run ended. `message` is empty when every cell ran, else the report to show."""

    ok: bool
    notebook: Path
    folder: Path
    seconds: float
    message: str


@dataclass
class _Course:
    """What is known of a run while it goes on."""

    status: int | None = None
    cell: int | None = None
    timed_out: bool = False
    died: dict[str, Any] | None = None
    no_root: str = ""
    papermill: str = ""
    started: bool = False

    def note(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "started":
                self.started = True
            case "no-root":
                self.no_root = event["reason"]
            case "cell":
                self.cell = event["index"]
            case "died":
                self.died = event
            case "papermill":
                self.papermill = event["reason"]


def run_notebook(
    notebook: Path,
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
    where it failed or was stopped after `time_limit_s`. What the kernel prints is shown while it runs. No
    process, mount or temporary file stays, however this ends. `layout` is "new" or "old",
    Kaggle's two ways to mount inputs.

    Raises `KernelgenError` where the run cannot start: no environment, a missing input, a folder in use.
    """
    notebook, folder = notebook.resolve(), folder.resolve()
    image = find_environment()
    if not notebook.is_file():
        raise KernelgenError(f"{notebook}: is not there; build it first")
    places_of(mounts, layout)
    for inner in [notebook, *(mount.folder.resolve() for mount in mounts)]:
        if inner.is_relative_to(folder) or folder.is_relative_to(inner):
            raise KernelgenError(f"{folder}: is emptied for the run and cannot hold or lie in its input {inner}")
    began = time.monotonic()
    arguments = (notebook, mounts, layout, folder, image, dict(environment or {}))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with sole_use(folder), _ended_by_signals():
            _empty(folder)
            course = _run_in_some_room(arguments, time_limit_s, show)
    except OSError as error:
        where = error.filename or folder
        raise KernelgenError(f"{where}: {error.strerror or error}; the run could not go on") from error
    message = _message(course, folder / NOTEBOOK, time_limit_s)
    return RunResult(not message, folder / NOTEBOOK, folder, time.monotonic() - began, message)


def _run_in_some_room(arguments: tuple[Any, ...], time_limit_s: float, show: bool) -> _Course:
    """Runs in a root of its own, or says loudly why not and runs without."""
    reason = f"{NO_SANDBOX} is set" if os.environ.get(NO_SANDBOX) else ""
    if not reason:
        course = _run(fenced_room, arguments, time_limit_s, show)
        if not course.no_root:
            return course
        reason = course.no_root
    _warn(reason)
    return _run(open_room, arguments, time_limit_s, show)


def _run(make_room: Callable[..., Room], arguments: tuple[Any, ...], time_limit_s: float, show: bool) -> _Course:
    notebook, mounts, layout, folder, image, environment = arguments
    with _scratch(folder) as scratch:
        room = make_room(scratch, notebook, mounts, layout, folder, image, environment)
        return _follow(room, image, scratch / "said", time_limit_s, show)


def _follow(room: Room, image: RunEnvironment, said: Path, time_limit_s: float, show: bool) -> _Course:
    """Starts the supervisor, shows the output, keeps the time, and ends everything however this is left."""
    course = _Course()
    command = [
        *room.prefix,
        str(image.base_python),
        "-I",
        "-S",
        str(Path(__file__).with_name("supervisor.py")),
    ]
    report, report_write = os.pipe()
    try:
        with said.open("wb") as complaints:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                pass_fds=[report_write],
                start_new_session=True,
                env={name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ},
            )
    except OSError as error:
        os.close(report)
        course.no_root = f"{command[0]}: {error.strerror}"
        return course
    finally:
        os.close(report_write)
    try:
        plan = {
            "root": str(room.root) if room.root else None,
            "hostname": HOSTNAME,
            "binds": room.binds,
            "command": [*room.command, str(report_write)],
            "cwd": room.cwd,
            "environment": room.environment,
            "report": report_write,
            "grace": _GRACE_SECONDS,
        }
        _tell(process, json.dumps(plan))
        _watch(process, report, course, time_limit_s, show)
    finally:
        _end(process)
        os.close(report)
    course.status = process.returncode
    if not course.started and not course.no_root:
        lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        course.no_root = lines[-1] if lines else f"{command[0]} gave up with exit status {course.status}"
    return course


def _watch(process: subprocess.Popen[bytes], report: int, course: _Course, time_limit_s: float, show: bool) -> None:
    assert process.stdout is not None
    display = Display(sys.stdout) if show else None
    deadline = time.monotonic() + time_limit_s
    lines = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(report, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0 and not course.timed_out:
                course.timed_out = True
                _tell(process, "stop")
            for key, _ in selector.select(None if course.timed_out else max(left, 0)):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fd != report:
                    if display:
                        display.feed(data)
                else:
                    *whole, lines = (lines + data).split(b"\n")
                    for line in whole:
                        course.note(json.loads(line))
    if display:
        display.close()


def _tell(process: subprocess.Popen[bytes], line: str) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it has ended already; how, is told by its status and on its other streams


def _end(process: subprocess.Popen[bytes]) -> None:
    """Closing its input tells the supervisor to end everything; after a run that finished, it has done so."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.close()
    except BrokenPipeError:
        pass
    try:
        process.wait(_GRACE_SECONDS + 5)
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
    elif course.died:
        said = dead_kernel(notebook, course.cell, course.died.get("status"))
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


@contextmanager
def sole_use(folder: Path) -> Iterator[None]:
    """Keeps any other run out of the folder; raises `KernelgenError` where one is writing to it."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise KernelgenError(f"{folder}: another run is writing to it; wait for its end or stop it") from None
    else:
        yield
    finally:
        os.close(lock)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder for one run's temporary files, gone afterwards; those of runs that were killed go as well."""
    parent = scratch_parent(folder)
    for old in parent.glob(f"{_SCRATCH_PREFIX}*"):
        _remove_if_left_over(old)
    scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH_PREFIX, dir=parent))
    lock = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield scratch
    finally:
        _remove(scratch)
        os.close(lock)


def _remove_if_left_over(scratch: Path) -> None:
    """Removes the folder of a run that was killed: nobody holds its lock any more."""
    try:
        if time.time() - scratch.stat().st_mtime < 60:
            return  # it may be so new that its lock is not taken yet
        lock = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(scratch)
    except OSError:
        return
    finally:
        os.close(lock)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            _remove(entry)
        else:
            entry.unlink()


def _remove(folder: Path) -> None:
    """Removes a folder, also where a kernel has left folders in it that may not be written to."""

    def allow_and_retry(function: Callable[..., Any], path: str, _: Any) -> None:
        for locked in (os.path.dirname(path), path):
            if os.path.isdir(locked) and not os.path.islink(locked):
                os.chmod(locked, 0o700)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)

    shutil.rmtree(folder, onerror=allow_and_retry)


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
