"""Folders of runs: locks on them, the one for temporary files, and removing what kernels left in them."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernelgen.errors import KernelgenError


@contextmanager
def sole_use(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Keeps other runs out of the folder, or, where it is ``shared``, only those that write to it.

    A killed run holds no lock. Raises `KernelgenError` where another run is in the way.
    """
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            raise KernelgenError(
                f"{folder}: another run is writing to it or reads it; wait for its end or stop it ({error.strerror})"
            ) from None
        yield
    finally:
        os.close(lock)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for one run's temporary files, gone afterwards.

    It lies on disk, in TMPDIR or /var/tmp, for the files may be many gigabytes.
    """
    scratch = Path(tempfile.mkdtemp(prefix="kernelgen-run-", dir=os.environ.get("TMPDIR") or "/var/tmp"))
    try:
        yield scratch
    except OSError as error:
        error.filename = error.filename or str(scratch)  # a write to a full disk names no file
        raise
    finally:
        remove(scratch)


def remove(folder: Path) -> None:
    """Removes a folder, also where a kernel has left folders in it that may not be written to."""
    subprocess.run(["chmod", "-R", "u+rwX", "--", folder], stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(folder)
