"""Two calls at once: what must not be done twice is done by one after the other."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kernelgen.errors import KernelgenError


@contextmanager
def in_turn(folder: Path, what: str, say: Callable[[str], None]) -> Iterator[None]:
    """Waits until no other call is at work on ``what``, whose records lie in ``folder``; a killed one is not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise KernelgenError(f"{folder}: {error.strerror or error}; what is sent could not be noted there") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"note: {what}: another call is at it; waiting for its end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
