"""A wheel dataset: pinned packages, downloaded once for every Python that runs the kernels."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from kernelgen.datasets.folder import DatasetFolder, WheelsTable
from kernelgen.datasets.hashes import sha256
from kernelgen.errors import KernelgenError

_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)((?:\s+--hash=sha256:[0-9a-f]{64})+)")
_HASH = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """``name==version`` with the hashes of the wheels that may be taken for it."""

    name: str
    version: str
    hashes: frozenset[str]

    def fits(self, wheel: str, python: str) -> bool:
        """Whether a wheel of this file name is this package for CPython ``python`` ("3.12"), on whatever platform."""
        try:
            name, version, _, tags = parse_wheel_filename(wheel)
        except (InvalidWheelFilename, InvalidVersion):
            return False
        if name != canonicalize_name(self.name) or str(version) != str(Version(self.version)):
            return False
        minor = int(python.split(".")[1])
        known = [*cpython_tags((3, minor), platforms=["any"]), *compatible_tags((3, minor), f"cp3{minor}", ["any"])]
        return not {(tag.interpreter, tag.abi) for tag in tags}.isdisjoint((tag.interpreter, tag.abi) for tag in known)


def read_pins(dataset: DatasetFolder) -> list[Pin]:
    """The pins of the dataset's requirements file.

    Raises:
        KernelgenError: for a missing file, or a line that is not pinned with hashes.
    """
    wheels = _wheels(dataset)
    where = f"{dataset.where}/{wheels.requirements}"
    try:
        text = (dataset.folder / wheels.requirements).read_text(encoding="utf-8")
    except OSError as error:
        raise KernelgenError(f"{where}: cannot be read: {error.strerror or error}") from None
    pins = []
    text = re.sub(r"\\\n", "  ", text)
    for number, line in enumerate(text.split("\n"), 1):
        line = line.split(" #")[0].strip()
        if not line or line.startswith("#"):
            continue
        match = _PIN.fullmatch(line)
        if not match:
            raise KernelgenError(f"{where}: entry {number} is not NAME==VERSION --hash=sha256:…; pin it")
        try:
            Version(match[2])
        except InvalidVersion:
            raise KernelgenError(f"{where}: entry {number}: {match[2]} is no version; write as PyPI does") from None
        pins.append(Pin(match[1], match[2], frozenset(_HASH.findall(match[3]))))
    if not pins:
        raise KernelgenError(f"{where}: pins nothing; write NAME==VERSION --hash=sha256:…")
    return pins


def missing_wheels(dataset: DatasetFolder) -> list[str]:
    """What is not yet there with a right hash, in words: ``openvino==2026.4.1 for Python 3.12``."""
    wheels, there = _wheels(dataset), _good_wheels(dataset.folder, read_pins(dataset))
    return [
        f"{pin.name}=={pin.version} for Python {python}"
        for pin in read_pins(dataset)
        for python in wheels.pythons
        if not any(pin.fits(path.name, python) for path in there)
    ]


def fill_wheels(dataset: DatasetFolder, say: Callable[[str], None] = lambda line: None) -> list[Path]:
    """Downloads what the dataset's pins name and puts it into its folder; returns the wheels.

    Nothing is downloaded where every wheel is there with its hash. What is downloaded is moved in only
    when all of it has arrived, and wheels that are no longer pinned are removed.

    Raises:
        KernelgenError: one line, for a wrong hash, a package that does not exist, or no network.
    """
    wheels, pins = _wheels(dataset), read_pins(dataset)
    if not missing_wheels(dataset):
        return _good_wheels(dataset.folder, pins)
    temporary = Path(tempfile.mkdtemp(dir=dataset.folder.parent, prefix=f".{dataset.name}."))
    try:
        for python in wheels.pythons:
            say(f"{dataset.where}: downloading for Python {python}")
            _download(dataset, wheels, python, temporary)
        arrived = sorted(temporary.glob("*.whl"))
        for old in dataset.folder.glob("*.whl"):
            if old.name not in {path.name for path in arrived}:
                old.unlink()
        for path in arrived:
            os.replace(path, dataset.folder / path.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    if missing := missing_wheels(dataset):
        raise KernelgenError(f"{dataset.where}: still lacks {missing[0]}; correct the pins and their hashes")
    return _good_wheels(dataset.folder, pins)


def _download(dataset: DatasetFolder, wheels: WheelsTable, python: str, folder: Path) -> None:
    platforms = [argument for platform in wheels.platforms for argument in ("--platform", platform)]
    command = [
        sys.executable, "-m", "pip", "download", "--require-hashes", "--no-deps", "--only-binary=:all:",
        "--implementation", "cp", "--python-version", python, *platforms, "--dest", str(folder),
        "--requirement", str(dataset.folder / wheels.requirements), "--quiet", "--no-input",
        "--disable-pip-version-check", "--retries", "2", "--timeout", "20",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise KernelgenError(f"{dataset.where}: {_reason(done.stderr + done.stdout, python)}")


def _reason(output: str, python: str) -> str:
    """One line for what pip said at length."""
    if "DO NOT MATCH THE HASHES" in output:
        got = re.search(r"Got\s+([0-9a-f]{64})", output)
        package = re.search(r"^\s+(\S+==\S+|\S+\.whl)", output.split("DO NOT MATCH THE HASHES", 1)[1], re.M)
        return (
            f"{package[1] if package else 'a wheel'} for Python {python} does not have a pinned hash"
            f"{f' (got sha256:{got[1]})' if got else ''}; do not trust it, or correct the pin"
        )
    if re.search(r"NewConnectionError|ConnectionError|Name or service|Temporary failure|ReadTimeout|"
                 r"ConnectTimeout|Network is unreachable|ProxyError|connection (was )?(broken|refused)",
                 output, re.I):  # fmt: skip
        return "the package index cannot be reached; try again with network"
    if "No module named pip" in output:
        return "this Python has no pip; install it (python -m ensurepip)"
    errors = [line.removeprefix("ERROR: ") for line in output.splitlines() if line.startswith("ERROR: ")]
    said = errors[-1] if errors else next(iter(output.strip().splitlines()[-1:]), "no reason given")
    return f"pip could not download for Python {python}: {said.strip()}"


def _good_wheels(folder: Path, pins: list[Pin]) -> list[Path]:
    hashes = {digest for pin in pins for digest in pin.hashes}
    return sorted(path for path in folder.glob("*.whl") if sha256(path) in hashes)


def _wheels(dataset: DatasetFolder) -> WheelsTable:
    if dataset.table.wheels is None:
        raise KernelgenError(f"{dataset.where}/dataset.toml: has no [wheels] table; add it")
    return dataset.table.wheels
