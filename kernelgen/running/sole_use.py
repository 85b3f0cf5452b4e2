"""Locks on the folders of runs: one run writes to a folder, several may read it, and a killed run holds none."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kernelgen.errors import KernelgenError

_SCRATCH_PREFIX = "kernelgen-run-"


@contextmanager
def sole_use(folder: Path) -> Iterator[None]:
    """Keeps any other run out of the folder; raises `KernelgenError` where one is using it."""
    with _locked(folder, fcntl.LOCK_EX, "another run is writing to it or reads it; wait for its end or stop it"):
        yield


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Keeps runs from writing to the folder; raises `KernelgenError` where one does."""
    with _locked(folder, fcntl.LOCK_SH, "another run is writing to it; wait for its end or stop it"):
        yield


@contextmanager
def _locked(folder: Path, kind: int, otherwise: str) -> Iterator[None]:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KernelgenError(f"{folder}: {otherwise}") from None
        except OSError as error:
            raise KernelgenError(
                f"{folder}: cannot be locked: {error.strerror}; use a folder on a local disk"
            ) from None
        yield
    finally:
        os.close(lock)


@contextmanager
def scratch_folder(beside: Path) -> Iterator[Path]:
    """A folder for one run's temporary files, gone afterwards; those of runs that were killed go as well.

    It lies on disk, for the files may be many gigabytes, and where programs may run: in TMPDIR, /var/tmp, or, where
    neither will do, ``beside`` the run.
    """
    parent = _scratch_parent(beside)
    for old in parent.glob(f"{_SCRATCH_PREFIX}*"):
        _remove_if_left_over(old)
    scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH_PREFIX, dir=parent))
    lock = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield scratch
    except OSError as error:
        if error.filename is None:  # a write to a full disk names no file
            error.filename = str(scratch)
        raise
    finally:
        remove(scratch)
        os.close(lock)


def remove(folder: Path) -> None:
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


def _scratch_parent(beside: Path) -> Path:
    wanted = [os.environ.get("TMPDIR"), "/var/tmp", tempfile.gettempdir()]
    for place in [Path(name).absolute() for name in wanted if name]:
        usable = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
        if usable and not os.statvfs(place).f_flag & os.ST_NOEXEC:
            return place
    return beside


def _remove_if_left_over(scratch: Path) -> None:
    """Removes the folder of a run that was killed: nobody holds its lock any more."""
    try:
        if time.time() - scratch.stat().st_mtime < 60:
            return  # it may be so new that its lock is not taken yet
        with sole_use(scratch):
            remove(scratch)
    except (OSError, KernelgenError):
        return
