"""The Python of Kaggle's image, where this machine has it: both environments are made with it.

``python3 -m kernelgen.running.pythons`` prints its path, or that of the Python that runs. It needs the standard library
alone, and no certain version of it: set-up asks before anything is installed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

# Not by kaggle_image: to read TOML, Python has to be 3.11 already.
_IMAGE = Path(__file__).parents[1] / "kaggle_image.toml"
_ASK = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"


def image_python() -> str:
    """The image's version of Python, as in "3.12"."""
    (version,) = re.findall(r'^python = "(.*)"', _IMAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return str(version)


def find_python() -> str:
    """The image's Python, from the PATH or pyenv's folders; else the one that runs."""
    version = image_python()
    if version == "{}.{}".format(*sys.version_info):
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    folders = [*os.environ.get("PATH", "").split(os.pathsep), *map(str, pyenv.glob("*/bin"))]
    paths = [os.path.join(folder, f"python{version}") for folder in folders]
    return next((path for path in paths if _says(path) == version), sys.executable)


def _says(executable: str) -> str:
    """The version that it gives; "" where it is no Python that makes virtual environments, as pyenv's shims may be."""
    try:
        done = subprocess.run([executable, "-I", "-c", _ASK], capture_output=True, text=True, timeout=60, check=False)
        return done.stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


if __name__ == "__main__":
    print(find_python())
