"""The environment of a run: Kaggle's packages, in a virtual environment of their own.

``python -m kernelgen.running.environment`` sets it up: made with the Python that calls, filled from the extra ``run``
of pyproject.toml under constraints.txt, and linked into the environment that calls, so that torch is on disk once.
"""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

from kernelgen.errors import KernelgenError
from kernelgen.messages import show_messages
from kernelgen.running.pythons import image_python
from kernelgen.writing import write_text

logger = logging.getLogger(__name__)

HOME = Path(__file__).resolve().parents[2]
NAME = ".venv-kaggle"
STAMP = "kernelgen-setup.txt"
# A CPU build of torch lacks two operators that a CUDA build of torchvision asks for when it is imported.
MISSING_OPERATOR = "operator torchvision::nms does not exist"
OPERATORS = """import torch

_operators = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _operators.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""
VERSION = "{}.{}".format(*sys.version_info)
# The package folder of a virtual environment, relative to its prefix.
SITE_PACKAGES = Path("lib", f"python{VERSION}", "site-packages")
# The Python that the environments were made from: that of the command, since both are made with one.
BASE_PREFIX = Path(sys.base_prefix)


def find_environment(home: Path = HOME) -> Path:
    """The virtual environment that set-up has made, which holds the packages of Kaggle's image.

    Raises `KernelgenError` where it is missing, half made, or made from other requirements.
    """
    if not _is_right(home):
        raise KernelgenError(
            f"{home / NAME}: is missing, half made, or made from other requirements or another Python; run `make setup`"
        )
    return home / NAME


def note_on_python() -> None:
    """Says how this Python differs from the image's, if it does."""
    if VERSION != (image := image_python()):
        logger.warning(
            f"runs have Python {VERSION}, Kaggle's image {image}; install python{image}, remove .venv and run "
            "`make setup` to have the same"
        )


def make_environment(home: Path = HOME) -> Path:
    """Makes the environment of runs if it is not right. Raises `KernelgenError` where it cannot be made."""
    if not _is_right(home):
        print(f"{NAME}: making the environment of runs (2 GB on disk or more, some minutes) ...", flush=True)
        venv.create(home / NAME, clear=True, symlinks=True)
        _install(home)
        _repair_torchvision(home / NAME)
        # Written last: where it is missing, a set-up was interrupted.
        write_text(home / NAME / STAMP, _fingerprint(home))
    return find_environment(home)


def link(environment: Path) -> None:
    """Shows the image's packages to the calling virtual environment, behind its own."""
    if sys.prefix == sys.base_prefix:
        return
    # addsitedir, not a bare path: the image's own .pth files have to be read as well.
    folder = str(environment / SITE_PACKAGES)
    line = f"import os, site; os.path.isdir({folder!r}) and site.addsitedir({folder!r})\n"
    write_text(Path(sysconfig.get_path("purelib"), "kernelgen_image.pth"), line)


def _is_right(home: Path) -> bool:
    stamp = home / NAME / STAMP
    return stamp.is_file() and stamp.read_text() == _fingerprint(home)


def _fingerprint(home: Path) -> str:
    """A hash of everything that decides what the environment holds."""
    constraints = (home / "constraints.txt").read_text(encoding="utf-8")
    parts = [sys.version, sys.base_prefix, *_requirements(home), constraints]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _requirements(home: Path) -> list[str]:
    project = tomllib.loads((home / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["optional-dependencies"]["run"])


def _install(home: Path) -> None:
    command = [sys.executable, "-m", "pip", "--python", str(home / NAME / "bin" / "python"), "install", "-qq"]
    command += ["--disable-pip-version-check", "-c", str(home / "constraints.txt"), *_requirements(home)]
    if subprocess.run(command, check=False).returncode:
        raise KernelgenError("pip could not install the image's packages; its lines above say why")


def _repair_torchvision(environment: Path) -> None:
    """Lets a CPU build of torch work with a CUDA build of torchvision, where they do not by themselves."""
    command = [str(environment / "bin" / "python"), "-I", "-c", "import torchvision"]
    if MISSING_OPERATOR in subprocess.run(command, capture_output=True, text=True, check=False).stderr:
        file = environment / SITE_PACKAGES / "torchvision" / "__init__.py"
        write_text(file, OPERATORS + file.read_text(encoding="utf-8"))


def main() -> int:
    """Sets the environment up; 0 only if it is as it should be."""
    show_messages()
    try:
        link(make_environment())
    except (KernelgenError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    note_on_python()
    return 0


if __name__ == "__main__":
    sys.exit(main())
