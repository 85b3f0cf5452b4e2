"""A file lock, so that two concurrent calls do not send the same thing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kernelgen.errors import KernelgenError
from kernelgen.publishing.credentials import not_installed

LOCK = ".lock"


@contextmanager
def locked(folder: Path, what: str, say: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other call works on ``what``, whose records lie in ``folder``.

    The operating system frees the lock of a process that was killed.

    Raises:
        KernelgenError: the folder cannot be written, or its file system has no locks.
    """
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        raise not_installed(error) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"note: {what}: another call is at it; waiting for its end")
            lock.acquire()
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise KernelgenError(f"{folder}: {reason}; what is sent could not be noted there") from None
    try:
        yield
    finally:
        lock.release()
