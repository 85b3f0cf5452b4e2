"""The environment of a run: Kaggle's packages, in a virtual environment of their own.

``python -m kernelgen.running.environment`` sets it up: ``.venv-kaggle`` beside this package, made with the image's
Python where it is to be had, and filled from the extra ``run`` of pyproject.toml under constraints.txt. The environment
that calls is given the same packages for its tests: by a link, so that torch is on disk once, or, where it runs
another Python, by installing them there too. It does nothing when all is as it should be.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.kaggle_image import kaggle_image
from kernelgen.running.pythons import VARIABLE, Python, python_for_runs, this_python
from kernelgen.writing import write_text

HOME = Path(__file__).resolve().parents[2]
NAME = ".venv-kaggle"
EXTRA = "run"
# Kaggle's image has no openvino and no nncf; a kernel that leans on the other two would break there as well.
ABSENT = ("openvino", "nncf", "kaggle", "jupytext")
STAMP = "kernelgen-setup.json"
LOG = "kernelgen-setup.log"
OWN_STAMP = "kernelgen-image-packages"
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


def note_on_python(environment: RunEnvironment, say: Callable[[str], None]) -> None:
    """Says how the run's Python differs from the image's, if it does."""
    (major, minor), image = environment.version, kaggle_image().python
    if environment.version != image:
        say(
            f"note: runs have Python {major}.{minor}, Kaggle's image {image[0]}.{image[1]}; install python{image[0]}."
            f"{image[1]} and run `make setup` to have the same"
        )


def make_environment(home: Path = HOME) -> RunEnvironment:
    """Makes the environment of runs if it is not there or not right.

    Where the image's packages cannot be installed for the image's Python, the one that calls takes its place.

    Raises `KernelgenError` where it cannot be made, with the line that pip gives as the reason.
    """
    with _one_at_a_time(home):
        python, stamp = python_for_runs(), _stamp(home)
        reason = _what_is_wrong(home)
        refused = str(python.executable) == stamp.get("refused")
        if not reason and tuple(stamp["version"]) != python.version and not refused:
            reason = f"Python {python.version[0]}.{python.version[1]} is here now ({python.executable})"
        if reason:
            print(f"{NAME}: {reason}; making it (2 GB on disk or more, some minutes) ...", flush=True)
            try:
                _make(home, python)
            except KernelgenError as error:
                if python.version == sys.version_info[:2] or VARIABLE in os.environ:
                    raise
                print(
                    f"{NAME}: Python {python.version[0]}.{python.version[1]}: {error}; taking the Python that runs now "
                    f"({VARIABLE}={python.executable} tries again)",
                    file=sys.stderr,
                    flush=True,
                )
                _make(home, this_python(), refused=str(python.executable))
        return find_environment(home)


def provide(environment: RunEnvironment, home: Path = HOME) -> None:
    """Gives the calling virtual environment the image's packages, behind its own.

    Does nothing where Python does not run in a virtual environment, or runs in the image's own.
    Raises `KernelgenError` where the two hold different numpy versions: compiled packages would be mixed; or where pip
    cannot install them.
    """
    in_virtual_environment = sys.prefix != sys.base_prefix
    if not in_virtual_environment or Path(sys.prefix).resolve() == environment.prefix.resolve():
        return
    own = Path(sysconfig.get_path("purelib"))
    link, stamp = own / LINK, Path(sys.prefix, OWN_STAMP)
    if sys.version_info[:2] != environment.version:
        link.unlink(missing_ok=True)
        now = fingerprint(home, this_python())
        if not stamp.is_file() or stamp.read_text(encoding="utf-8").strip() != now:
            print(f"{sys.prefix}: runs another Python than {NAME}; installing the same packages ...", flush=True)
            _install(Path(sys.executable), Path(sys.prefix, LOG), home)
            _repair_torchvision(Path(sys.executable), own)
            write_text(stamp, now + "\n")
        return
    ours, image = _numpy_version(own), _numpy_version(environment.site_packages)
    if ours and ours != image:
        raise KernelgenError(
            f"{own}: has numpy {ours}, {environment.prefix} has {image}; "
            f"install this environment under constraints.txt (`make setup`)"
        )
    # addsitedir, not a bare path: the image's own .pth files have to be read as well.
    folder = str(environment.site_packages)
    line = f"import os, site; os.path.isdir({folder!r}) and site.addsitedir({folder!r})\n"
    if not link.exists() or link.read_text(encoding="utf-8") != line:
        write_text(link, line)


def fingerprint(home: Path, python: Python) -> str:
    """A hash of everything that decides what an environment made with `python` holds."""
    parts = [
        "1",
        python.text,
        str(python.base_prefix),
        *_requirements(home),
        _constraints(home).read_text(encoding="utf-8"),
        REPAIR_SOURCE.read_text(encoding="utf-8"),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _stamp(home: Path) -> dict[str, Any]:
    """What was noted when the environment was made; empty if its set-up was interrupted."""
    try:
        stamp = json.loads((home / NAME / STAMP).read_text(encoding="utf-8"))
        return stamp if {"fingerprint", "version", "base_prefix"} <= set(stamp) else {}
    except (OSError, ValueError, TypeError):
        return {}


def _what_is_wrong(home: Path) -> str:
    """Why the environment cannot be used; empty if it can."""
    prefix, stamp = home / NAME, _stamp(home)
    if not prefix.exists():
        return "the environment of runs is not there"
    if not stamp:
        return "its set-up was interrupted"
    if not (prefix / "bin" / "python").exists():
        return "the Python that it was made from is gone"
    python = Python(
        prefix / "bin" / "python", tuple(stamp["version"]), Path(stamp["base_prefix"]), stamp.get("python", sys.version)
    )
    if stamp["fingerprint"] != fingerprint(home, python):
        return "it was made from other requirements or another Python"
    return ""


def _make(home: Path, python: Python, refused: str = "") -> None:
    prefix = home / NAME
    # The stamp goes first and comes back last: where it is missing, a set-up was interrupted.
    (prefix / STAMP).unlink(missing_ok=True)
    shutil.rmtree(prefix, ignore_errors=True)
    made = _output_of(python.executable, "-m", "venv", "--without-pip", str(prefix))
    if made.returncode:
        last = (made.stdout + made.stderr).strip().splitlines()[-1:] or ["no message"]
        raise KernelgenError(f"{prefix}: python -m venv failed ({last[0]}); install Python's venv")
    environment = RunEnvironment(prefix, python.base_prefix, python.version)
    _install(environment.python, prefix / LOG, home)
    _check_absent(environment)
    _repair_torchvision(environment.python, environment.site_packages)
    stamp = {
        "fingerprint": fingerprint(home, python),
        "base_prefix": str(python.base_prefix),
        "version": list(python.version),
        "python": python.text,
        "refused": refused,
    }
    write_text(prefix / STAMP, json.dumps(stamp, indent=1) + "\n")


def _install(python: Path, log: Path, home: Path) -> None:
    """The image's packages, into the environment whose Python it is; all that pip says goes to `log`."""
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--disable-pip-version-check"]
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
        raise KernelgenError(f"pip could not install the image's packages: {said}; all of it is in {log}")


def _check_absent(environment: RunEnvironment) -> None:
    code = "import importlib.util as u, sys; print(*[n for n in sys.argv[1:] if u.find_spec(n)])"
    installed = _output_of(environment.python, "-I", "-c", code, *ABSENT).stdout.split()
    if installed:
        raise KernelgenError(
            f"{environment.prefix}: holds {', '.join(installed)}, which kernels must not find on Kaggle; "
            f"take out of pyproject.toml's extra `{EXTRA}` what asks for it"
        )


def _repair_torchvision(python: Path, packages: Path) -> None:
    """Lets a CPU build of torch work with a CUDA build of torchvision, where they don't by themselves."""
    plain = _output_of(python, "-I", "-c", "import torchvision")
    if plain.returncode == 0 or MISSING_OPERATOR not in plain.stderr:
        if plain.returncode and "No module named 'torchvision'" not in plain.stderr:
            print(f"{packages}: import torchvision fails: {plain.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return
    write_text(packages / f"{REPAIR}.py", REPAIR_SOURCE.read_text(encoding="utf-8"))
    write_text(packages / f"{REPAIR}.pth", f"import {REPAIR}\n")
    repaired = _output_of(python, "-I", "-c", "import torchvision, timm")
    if repaired.returncode:
        last = repaired.stderr.strip().splitlines()[-1]
        raise KernelgenError(f"{packages}: torchvision does not fit torch: {last}; see constraints.txt")


def _output_of(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(python), *arguments], capture_output=True, text=True, check=False)


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
    numpy = importlib.metadata.distributions(name="numpy", path=[str(folder)])
    return next((distribution.version for distribution in numpy), None)


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:
        raise KernelgenError(f"{NAME}: runs need Linux, and so does their environment; building works here") from None
    with _constraints(home).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Sets the environment up; 0 only if it is as it should be."""
    try:
        environment = make_environment()
        provide(environment)
        note_on_python(environment, lambda line: print(line, file=sys.stderr))
    except KernelgenError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{NAME}: set-up interrupted; run it again to finish it", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
