"""A wheel dataset: pinned packages, downloaded once for every Python that runs the kernels."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from kernelgen.datasets.folder import DatasetFolder, WheelsTable, sha256
from kernelgen.errors import KernelgenError

logger = logging.getLogger(__name__)


def has_wheels(dataset: DatasetFolder, wheels: WheelsTable) -> bool:
    """Whether each pinned package is there, with a right hash, for each Python."""
    there = {sha256(path): path.name for path in dataset.folder.glob("*.whl")}
    text = (dataset.folder / wheels.requirements).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [re.sub(r"(^|\s)#.*", "", line) for line in text.split("\n")]
    pins = [re.findall(r"--hash=sha256:([0-9a-f]{64})", line) for line in lines if line.strip()]
    return all(
        any(digest in there and _is_for(python, there[digest]) for digest in hashes)
        for hashes in pins
        for python in wheels.pythons
    )


def _is_for(python: str, wheel: str) -> bool:
    """Whether a wheel's name says that CPython ``python`` ("3.12") imports it; pip looked at the platform."""
    return any(tag in wheel for tag in (f"cp{python.replace('.', '')}-", "-abi3-", "py3-none-"))


def fill_wheels(dataset: DatasetFolder, wheels: WheelsTable) -> None:
    """Download what the pins name, if any of it is missing.

    Files are moved in only when all of them have arrived; wheels that are no longer pinned are removed.

    Raises:
        KernelgenError: one line, for a pin without or with a wrong hash, a package that does not exist, or no network.
    """
    if not has_wheels(dataset, wheels):
        with tempfile.TemporaryDirectory(dir=dataset.folder.parent, prefix=f".{dataset.name}.") as temporary:
            for python in wheels.pythons:
                logger.info(f"{dataset.where}: downloading for Python {python}")
                _download(dataset, wheels, python, temporary)
            for old in dataset.folder.glob("*.whl"):
                old.unlink()
            for path in Path(temporary).glob("*.whl"):
                os.replace(path, dataset.folder / path.name)


def _download(dataset: DatasetFolder, wheels: WheelsTable, python: str, folder: str) -> None:
    platforms = [argument for platform in wheels.platforms for argument in ("--platform", platform)]
    command = [
        sys.executable, "-m", "pip", "download", "--require-hashes", "--no-deps", "--only-binary=:all:",
        "--implementation", "cp", "--python-version", python, *platforms, "--dest", folder,
        "--requirement", str(dataset.folder / wheels.requirements), "--quiet", "--no-input",
        "--disable-pip-version-check", "--retries", "2", "--timeout", "20",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode == 0:
        return
    output = done.stdout + done.stderr
    # Pip says itself what is not pinned with a hash, and what does not have it.
    reason = f"pip could not download for Python {python}: {' '.join(output.split('ERROR: ')[-1].split())}"
    if "Retrying (" in output:
        reason = "the package index cannot be reached; try again with network"
    raise KernelgenError(f"{dataset.where}: {reason}")
