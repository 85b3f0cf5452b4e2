"""A wheel dataset: pinned packages, downloaded once for every Python that runs the kernels."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from kernelgen.datasets.folder import DatasetFolder, WheelsTable
from kernelgen.datasets.hashes import sha256
from kernelgen.errors import KernelgenError

logger = logging.getLogger(__name__)

_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([0-9][^\s;]*)((?:\s+--hash=sha256:[0-9a-f]{64})+)")


class _Pin(NamedTuple):
    """``name==version`` with the hashes of the wheels that may be taken for it."""

    name: str
    version: str
    hashes: frozenset[str]

    def fits(self, wheel: str, python: str) -> bool:
        """Whether a wheel of this file name is this package for CPython ``python`` ("3.12"), on whatever platform."""
        try:
            name, version, _, tags = parse_wheel_filename(wheel)
            if name != canonicalize_name(self.name) or version != Version(self.version):
                return False
        except (InvalidWheelFilename, InvalidVersion):
            return False
        minor = int(python.split(".")[1])
        known = [*cpython_tags((3, minor), platforms=["any"]), *compatible_tags((3, minor), f"cp3{minor}", ["any"])]
        return not {(tag.interpreter, tag.abi) for tag in tags}.isdisjoint((tag.interpreter, tag.abi) for tag in known)


def missing_wheels(dataset: DatasetFolder, wheels: WheelsTable) -> list[str]:
    """What is not yet there with a right hash, in words: ``openvino==2026.4.1 for Python 3.12``.

    Raises:
        KernelgenError: a line of the requirements is not pinned with hashes.
    """
    pins = _read_pins(dataset, wheels)
    hashes = frozenset[str]().union(*(pin.hashes for pin in pins))
    there = [path.name for path in dataset.folder.glob("*.whl") if sha256(path) in hashes]
    return [
        f"{pin.name}=={pin.version} for Python {python}"
        for pin in pins
        for python in wheels.pythons
        if not any(pin.fits(name, python) for name in there)
    ]


def fill_wheels(dataset: DatasetFolder, wheels: WheelsTable) -> None:
    """Download what the pins name, if any of it is missing.

    Files are moved in only when all of them have arrived; wheels that are no longer pinned are removed.

    Raises:
        KernelgenError: one line, for a wrong hash, a package that does not exist, or no network.
    """
    if missing_wheels(dataset, wheels):
        with tempfile.TemporaryDirectory(dir=dataset.folder.parent, prefix=f".{dataset.name}.") as temporary:
            for python in wheels.pythons:
                logger.info(f"{dataset.where}: downloading for Python {python}")
                _download(dataset, wheels, python, temporary)
            for old in dataset.folder.glob("*.whl"):
                old.unlink()
            for path in Path(temporary).glob("*.whl"):
                os.replace(path, dataset.folder / path.name)
        if missing := missing_wheels(dataset, wheels):
            raise KernelgenError(f"{dataset.where}: still lacks {missing[0]}; correct the pins and their hashes")


def _read_pins(dataset: DatasetFolder, wheels: WheelsTable) -> list[_Pin]:
    text = (dataset.folder / wheels.requirements).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in text.split("\n")]
    matches = [(line, _PIN.fullmatch(line)) for line in lines if line]
    wrong = next((line for line, match in matches if not match), "" if matches else "an empty file")
    if wrong:
        where = f"{dataset.where}/{wheels.requirements}"
        raise KernelgenError(f"{where}: {wrong} is not NAME==VERSION --hash=sha256:…; pin it")
    return [_Pin(pin[1], pin[2], frozenset(re.findall("[0-9a-f]{64}", pin[3]))) for _, pin in matches if pin]


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
    reason = f"pip could not download for Python {python}: {output.strip().split('ERROR: ')[-1].partition(chr(10))[0]}"
    if "DO NOT MATCH THE HASHES" in output:
        got = re.findall(r"Got\s+([0-9a-f]{64})", output)
        reason = f"a wheel for Python {python} does not have a pinned hash (got sha256:{', '.join(got)}); "
        reason += "do not trust it, or correct the pin"
    elif "Retrying (" in output:
        reason = "the package index cannot be reached; try again with network"
    raise KernelgenError(f"{dataset.where}: {reason}")
