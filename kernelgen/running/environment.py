"""The environment of a run: Kaggle's packages, in a virtual environment of their own.

``python -m kernelgen.running.environment`` sets it up: ``.venv-kaggle`` beside this package, filled from
the extra ``run`` of pyproject.toml under constraints.txt, and linked into the environment that calls, so that
torch is on disk once. It does nothing when all is as it should be; ``--check`` only says whether it is.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.metadata
import json
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kernelgen.errors import KernelgenError
from kernelgen.writing import write_text

HOME = Path(__file__).resolve().parents[2]
NAME = ".venv-kaggle"
EXTRA = "run"
# Kaggle's image has no openvino and no nncf; a kernel that leans on the other two would break there as well.
ABSENT = ("openvino", "nncf", "kaggle", "jupytext")
STAMP = "kernelgen-setup.json"
LOG = "kernelgen-setup.log"
LINK = "kernelgen_image.pth"
REPAIR = "kernelgen_torchvision"
REPAIR_SOURCE = Path(__file__).with_name("torchvision_operators.py")
MISSING_OPERATOR = "operator torchvision::nms does not exist"


@dataclass(frozen=True)
class RunEnvironment:
    """Where the packages of Kaggle's image are on this machine.

    `prefix` is the virtual environment, `base_prefix` the Python installation that it was made from.
    """

    prefix: Path
    base_prefix: Path
    version: tuple[int, int]

    @property
    def python(self) -> Path:
        return self.prefix / "bin" / "python"

    @property
    def base_python(self) -> Path:
        return self.base_prefix / "bin" / f"python{self.version[0]}.{self.version[1]}"

    @property
    def site_packages(self) -> Path:
        return self.prefix / site_packages_of(self.version)


def site_packages_of(version: tuple[int, int]) -> Path:
    """The package folder of a virtual environment, relative to its prefix."""
    return Path("lib") / f"python{version[0]}.{version[1]}" / "site-packages"


def find_environment(home: Path = HOME) -> RunEnvironment:
    """The environment that set-up has made.

    Raises `KernelgenError` where it is missing, half made, or made from other requirements.
    """
    reason = _what_is_wrong(home)
    if reason:
        raise KernelgenError(f"{home / NAME}: {reason}; run `make setup`")
    stamp = json.loads((home / NAME / STAMP).read_text(encoding="utf-8"))
    major, minor = stamp["version"]
    return RunEnvironment(home / NAME, Path(stamp["base_prefix"]), (major, minor))


def make_environment(home: Path = HOME) -> RunEnvironment:
    """Makes the environment of runs if it is not there or not right.

    Raises `KernelgenError` where it cannot be made, with the line that pip gives as the reason.
    """
    with _one_at_a_time(home):
        reason = _what_is_wrong(home)
        if reason:
            print(f"{NAME}: {reason}; making it (about 2 GB on disk, some minutes) ...", flush=True)
            _make(home)
        return find_environment(home)


def link(environment: RunEnvironment) -> Path | None:
    """Shows the image's packages to the calling virtual environment, behind its own. Returns the link's file.

    Returns None where Python does not run in a virtual environment, or runs in the image's own.
    Raises `KernelgenError` where the two hold different numpy versions: compiled packages would be mixed.
    """
    in_virtual_environment = sys.prefix != sys.base_prefix
    if not in_virtual_environment or Path(sys.prefix).resolve() == environment.prefix.resolve():
        return None
    if sys.version_info[:2] != environment.version:
        raise KernelgenError(
            f"{sys.prefix}: runs Python {sys.version_info[0]}.{sys.version_info[1]}, {environment.prefix} "
            f"Python {environment.version[0]}.{environment.version[1]}; make both with the same Python"
        )
    own = Path(sysconfig.get_path("purelib"))
    ours, image = _numpy_version(own), _numpy_version(environment.site_packages)
    if ours and ours != image:
        raise KernelgenError(
            f"{own}: has numpy {ours}, {environment.prefix} has {image}; "
            f"install this environment under constraints.txt (`make setup`)"
        )
    # addsitedir, not a bare path: the image's own .pth files have to be read as well.
    folder = str(environment.site_packages)
    line = f"import os, site; os.path.isdir({folder!r}) and site.addsitedir({folder!r})\n"
    file = own / LINK
    if not file.exists() or file.read_text(encoding="utf-8") != line:
        write_text(file, line)
    return file


def fingerprint(home: Path = HOME) -> str:
    """A hash of everything that decides what the environment holds."""
    parts = [
        "1",
        sys.version,
        sys.base_prefix,
        *_requirements(home),
        _constraints(home).read_text(encoding="utf-8"),
        REPAIR_SOURCE.read_text(encoding="utf-8"),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _what_is_wrong(home: Path) -> str:
    """Why the environment cannot be used; empty if it can."""
    prefix = home / NAME
    if not prefix.exists():
        return "the environment of runs is not there"
    try:
        stamp = json.loads((prefix / STAMP).read_text(encoding="utf-8"))
        fingerprint_then = stamp["fingerprint"]
    except (OSError, ValueError, KeyError):
        return "its set-up was interrupted"
    if not (prefix / "bin" / "python").exists():
        return "the Python that it was made from is gone"
    if fingerprint_then != fingerprint(home):
        return "it was made from other requirements or another Python"
    return ""


def _make(home: Path) -> None:
    prefix = home / NAME
    # The stamp goes first and comes back last: where it is missing, a set-up was interrupted.
    (prefix / STAMP).unlink(missing_ok=True)
    shutil.rmtree(prefix, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(prefix)], capture_output=True, text=True, check=False)
    if made.returncode:
        last = (made.stdout + made.stderr).strip().splitlines()[-1:] or ["no message"]
        raise KernelgenError(f"{prefix}: python -m venv failed ({last[0]}); install Python's venv and ensurepip")
    version = (sys.version_info[0], sys.version_info[1])
    environment = RunEnvironment(prefix, Path(sys.base_prefix), version)
    _install(environment, home)
    _check_absent(environment)
    _repair_torchvision(environment)
    stamp = {
        "fingerprint": fingerprint(home),
        "base_prefix": str(environment.base_prefix),
        "version": list(environment.version),
    }
    write_text(prefix / STAMP, json.dumps(stamp, indent=1) + "\n")


def _install(environment: RunEnvironment, home: Path) -> None:
    log = environment.prefix / LOG
    command = [str(environment.python), "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", "-c", str(_constraints(home)), *_requirements(home)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    errors = []
    assert process.stdout is not None
    with log.open("w", encoding="utf-8") as out, process:
        for line in process.stdout:
            out.write(line)
            if line.startswith("ERROR:"):
                errors.append(line.removeprefix("ERROR:").strip())
            if sys.stdout.isatty():
                print("\r\x1b[K  " + line.strip()[: shutil.get_terminal_size().columns - 4], end="", flush=True)
    if sys.stdout.isatty():
        print("\r\x1b[K", end="", flush=True)
    if process.returncode:
        # pip's last ERROR line names the package, unless it only points to a manual.
        telling = [line for line in errors if not line.startswith("ResolutionImpossible")]
        said = telling[-1] if telling else f"exit status {process.returncode}"
        raise KernelgenError(f"{NAME}: pip could not install the image's packages: {said}; all of it is in {log}")


def _check_absent(environment: RunEnvironment) -> None:
    code = "import importlib.util as u, sys; print(*[n for n in sys.argv[1:] if u.find_spec(n)])"
    found = _python(environment, code, *ABSENT).stdout.split()
    if found:
        raise KernelgenError(
            f"{environment.prefix}: holds {', '.join(found)}, which kernels must not find on Kaggle; "
            f"take out of pyproject.toml's extra `{EXTRA}` what asks for it"
        )


def _repair_torchvision(environment: RunEnvironment) -> None:
    """Lets a CPU build of torch work with a CUDA build of torchvision, where they don't by themselves."""
    plain = _python(environment, "import torchvision")
    if plain.returncode == 0 or MISSING_OPERATOR not in plain.stderr:
        if plain.returncode and "No module named 'torchvision'" not in plain.stderr:
            print(f"{NAME}: import torchvision fails: {plain.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return
    write_text(environment.site_packages / f"{REPAIR}.py", REPAIR_SOURCE.read_text(encoding="utf-8"))
    write_text(environment.site_packages / f"{REPAIR}.pth", f"import {REPAIR}\n")
    repaired = _python(environment, "import torchvision, timm")
    if repaired.returncode:
        last = repaired.stderr.strip().splitlines()[-1]
        raise KernelgenError(f"{environment.prefix}: torchvision does not fit torch: {last}; see constraints.txt")


def _python(environment: RunEnvironment, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(environment.python), "-I", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _requirements(home: Path) -> list[str]:
    project = home / "pyproject.toml"
    try:
        with project.open("rb") as file:
            return list(tomllib.load(file)["project"]["optional-dependencies"][EXTRA])
    except OSError as error:
        raise KernelgenError(f"{project}: cannot be read ({error.strerror}); set up from a clone") from error
    except (KeyError, tomllib.TOMLDecodeError) as error:
        raise KernelgenError(f"{project}: has no extra `{EXTRA}` ({error}); restore the file") from error


def _constraints(home: Path) -> Path:
    file = home / "constraints.txt"
    if not file.is_file():
        raise KernelgenError(f"{file}: is missing; it pins the versions that were tested, restore it")
    return file


def _numpy_version(folder: Path) -> str | None:
    found = importlib.metadata.distributions(name="numpy", path=[str(folder)])
    return next((one.version for one in found), None)


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    with _constraints(home).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m kernelgen.running.environment",
        description=f"Makes {NAME}, the environment that kernels are run in, and links it into this one.",
    )
    parser.add_argument("--check", action="store_true", help="only say whether it is as it should be")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            print(f"{find_environment().prefix}: as it should be")
        else:
            link(make_environment())
    except KernelgenError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{NAME}: set-up interrupted; run it again to finish it", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
