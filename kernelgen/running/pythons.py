"""Pythons on this machine: that of Kaggle's image for runs, where it is to be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kernelgen.errors import KernelgenError
from kernelgen.kaggle_image import kaggle_image

# Names the Python for runs, where another one than the image's is wanted.
VARIABLE = "KERNELGEN_RUN_PYTHON"
# Says what it is, if a virtual environment can be made from it.
_ASK = "import sys, venv; print(*sys.version_info[:2], sys.base_prefix, sep='\\n'); print(sys.version)"


@dataclass(frozen=True)
class Python:
    """A Python installation. `text` is all of its `sys.version`."""

    executable: Path
    version: tuple[int, int]
    base_prefix: Path
    text: str


def this_python() -> Python:
    """The one that runs now."""
    return Python(Path(sys.executable), sys.version_info[:2], Path(sys.base_prefix), sys.version)


def python_for_runs() -> Python:
    """The image's Python, else this one.

    It is looked for on the PATH and in the folders of pyenv and uv. Raises `KernelgenError` where the environment
    names one that does not work.
    """
    wanted = kaggle_image().python
    if named := os.environ.get(VARIABLE):
        python = _asked(shutil.which(named) or named)
        if python is None:
            raise KernelgenError(f"{VARIABLE}={named}: is no Python that makes virtual environments; name another one")
        return python
    if sys.version_info[:2] == wanted:
        return this_python()
    for executable in _candidates(f"{wanted[0]}.{wanted[1]}"):
        python = _asked(executable)
        if python is not None and python.version == wanted:
            return python
    return this_python()


def _candidates(version: str) -> Iterator[str]:
    """Files that may be Python `version`; of several patch releases the newest first."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if (path := Path(folder, f"python{version}")).is_file():
            yield str(path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", Path.home() / ".local/share/uv/python"))
    for place in (pyenv, uv):
        files = place.glob(f"*/bin/python{version}")
        yield from map(str, sorted(files, key=lambda path: [part.zfill(6) for part in path.parts[-3].split(".")])[::-1])


def _asked(executable: str) -> Python | None:
    try:
        done = subprocess.run([executable, "-I", "-c", _ASK], capture_output=True, text=True, timeout=60, check=False)
        major, minor, prefix, text = done.stdout.split("\n", 3)
        return Python(Path(executable), (int(major), int(minor)), Path(prefix), text.strip())
    except (OSError, ValueError, subprocess.TimeoutExpired):  # it is none, or pyenv's word for one that is not chosen
        return None
