"""Set-up of the environment that kernels are run in."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.kaggle_image import kaggle_image
from kernelgen.running import environment as environment_module
from kernelgen.running import pythons
from kernelgen.running.environment import HOME as REPOSITORY
from kernelgen.running.environment import SITE_PACKAGES, find_environment, make_environment, note_on_python
from kernelgen.running.pythons import find_python, image_python

FORBIDDEN = ["openvino", "nncf", "kaggle", "jupytext"]


@pytest.fixture
def home(tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project whose image has one package; pip finds only what lies in the folder."""
    tools.write_wheel(tmp_path / "wheels", "tinyimage")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    write_project(tmp_path, "tinyimage")
    (tmp_path / "constraints.txt").write_text("tinyimage==1.0\n")
    return tmp_path


def write_project(home: Path, requirement: str) -> None:
    extras = f'[project.optional-dependencies]\nrun = ["{requirement}"]\n'
    (home / "pyproject.toml").write_text('[project]\nname = "small"\nversion = "1"\n' + extras)


def refusal(action, home: Path) -> str:
    with pytest.raises(KernelgenError) as error:
        action(home)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_set_up_makes_it_once_and_an_interrupted_one_again(home: Path, capsys) -> None:
    assert refusal(find_environment, home).endswith("another Python; run `make setup`")
    environment = make_environment(home)
    assert (environment / SITE_PACKAGES / "tinyimage.py").is_file()
    made = (environment / "bin/python").lstat().st_ctime_ns
    capsys.readouterr()
    assert make_environment(home) == environment
    assert (environment / "bin/python").lstat().st_ctime_ns == made
    assert capsys.readouterr().out == ""

    (home / "constraints.txt").write_text("tinyimage==1.0\nother==2\n")
    assert "other requirements" in refusal(find_environment, home)

    (environment / "kernelgen-setup.txt").unlink()  # it is written last
    assert "half made" in refusal(find_environment, home)
    make_environment(home)
    assert (environment / "bin/python").lstat().st_ctime_ns != made
    assert find_environment(home) == environment


def test_what_pip_cannot_install_is_said_and_leaves_no_environment_behind(home: Path, capfd) -> None:
    write_project(home, "tinyimage==7")
    said = refusal(make_environment, home)
    assert said.startswith("pip could not install the image's packages; its lines above say why")
    assert "Cannot install tinyimage==7" in capfd.readouterr().err
    assert "half made" in refusal(find_environment, home)


# ---------------------------------------------------------------- the image's Python


@pytest.fixture
def other_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with another Python 3.99 than the one that runs, in pyenv's folders; the PATH has pyenv's word only."""
    monkeypatch.setattr(pythons, "image_python", lambda: "3.99")
    shim = tmp_path / "shims" / "python3.99"
    monkeypatch.setenv("PATH", str(shim.parent), prepend=os.pathsep)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    write_program(shim, "echo 'pyenv: python3.99: command not found' >&2; exit 127")
    write_program(tmp_path / "pyenv/versions/3.99.9/bin/python3.99", "echo 3.98")
    return write_program(tmp_path / "pyenv/versions/3.99.10/bin/python3.99", "echo 3.99")


def write_program(path: Path, line: str) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


def test_both_environments_get_the_images_python_where_there_is_one(other_python: Path) -> None:
    assert find_python() == str(other_python)


def test_else_the_one_that_runs(other_python: Path, tmp_path: Path) -> None:
    for program in (tmp_path / "pyenv").rglob("python3.99"):
        program.write_text("#!/bin/sh\necho 3.98\n")
    assert find_python() == sys.executable


def test_it_is_found_before_anything_is_installed() -> None:
    command = [sys.executable, "-S", "-E", "-m", "kernelgen.running.pythons"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = done.stdout.splitlines()
    assert subprocess.run([path, "-c", "import venv"]).returncode == 0
    assert image_python() == "{}.{}".format(*kaggle_image().python)


@pytest.mark.parametrize("image", ["3.99", environment_module.VERSION])
def test_another_python_than_the_images_is_said(
    monkeypatch: pytest.MonkeyPatch, messages: list[str], image: str
) -> None:
    monkeypatch.setattr(environment_module, "image_python", lambda: image)
    note_on_python()
    note = (
        f"note: runs have Python {environment_module.VERSION}, Kaggle's image 3.99; install python3.99, remove .venv "
        "and run `make setup` to have the same"
    )
    assert messages == ([note] if image == "3.99" else [])


# ---------------------------------------------------------------- the environment of this clone


def test_the_image_has_its_packages_and_none_of_the_forbidden_ones() -> None:
    code = (
        "import sys, importlib.util as u\n"
        "assert 'torch' not in sys.modules\n"
        f"print([n for n in {FORBIDDEN!r} if u.find_spec(n)])\n"
        "import torch, torchvision, timm, numpy\n"
        "boxes = torch.tensor([[0.0, 0, 1, 1]])\n"
        "print(numpy.__version__)\n"
    )
    done = subprocess.run([find_environment() / "bin/python", "-I", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "2.0.2"]


def test_the_tools_see_the_images_packages_behind_their_own() -> None:
    image = find_environment() / SITE_PACKAGES
    torch, numpy, pytest_itself = map(importlib.util.find_spec, ("torch", "numpy", "pytest"))
    assert torch and Path(torch.origin).is_relative_to(image)
    assert pytest_itself and not Path(pytest_itself.origin).is_relative_to(image)
    import numpy as np

    assert np.__version__ == "2.0.2"
    assert numpy
