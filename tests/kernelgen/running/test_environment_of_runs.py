"""Set-up of the environment that kernels are run in."""

import importlib.util
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import SimpleNamespace

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.running import environment as environment_module
from kernelgen.running import pythons
from kernelgen.running.environment import HOME as REPOSITORY
from kernelgen.running.environment import find_environment, make_environment, note_on_python

FORBIDDEN = ["openvino", "nncf", "kaggle", "jupytext"]


@pytest.fixture
def home(tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project whose image has one package; pip finds only what lies in the folder."""
    tools.write_wheel(tmp_path / "wheels", "tinyimage")
    tools.write_wheel(tmp_path / "wheels", "openvino")
    monkeypatch.setenv("KERNELGEN_RUN_PYTHON", sys.executable)
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
    assert refusal(find_environment, home).endswith("is not there; run `make setup`")
    environment = make_environment(home)
    assert (environment.site_packages / "tinyimage.py").is_file()
    made = environment.python.lstat().st_ctime_ns
    capsys.readouterr()
    assert make_environment(home) == environment
    assert environment.python.lstat().st_ctime_ns == made
    assert capsys.readouterr().out == ""

    (home / "constraints.txt").write_text("tinyimage==1.0\nother==2\n")
    assert "other requirements" in refusal(find_environment, home)

    (environment.prefix / "kernelgen-setup.json").unlink()  # it is written last
    assert "interrupted" in refusal(find_environment, home)
    make_environment(home)
    assert environment.python.lstat().st_ctime_ns != made
    assert find_environment(home) == environment


def test_what_pip_cannot_install_is_one_line_and_leaves_no_environment_behind(home: Path) -> None:
    write_project(home, "tinyimage==7")
    said = refusal(make_environment, home)
    assert "pip could not install" in said and "tinyimage" in said
    assert "interrupted" in refusal(find_environment, home)


def test_what_kernels_must_not_find_is_refused_in_the_image(home: Path) -> None:
    write_project(home, "openvino")
    assert "holds openvino" in refusal(make_environment, home)


# ---------------------------------------------------------------- the image's Python


@pytest.fixture
def other_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with another Python 3.12 than the one that runs, in pyenv's folders; the PATH has pyenv's word only.

    It is the running one in disguise: what it says of itself is 3.12, what it does is real.
    """
    monkeypatch.delenv("KERNELGEN_RUN_PYTHON", raising=False)
    monkeypatch.setattr(pythons, "kaggle_image", lambda: SimpleNamespace(python=(3, 99)))
    monkeypatch.setattr(environment_module, "kaggle_image", lambda: SimpleNamespace(python=(3, 99)))
    shim = tmp_path / "shims" / "python3.99"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.99: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent), prepend=os.pathsep)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    python = tmp_path / "pyenv" / "versions" / "3.99.1" / "bin" / "python3.99"
    python.parent.mkdir(parents=True)
    python.write_text(
        f"""#!/bin/sh
case "$3" in "import sys, venv"*) printf '3\\n99\\n{sys.base_prefix}\\n3.99.1 in disguise\\n'; exit;; esac
exec {sys.executable} "$@"
"""
    )
    python.chmod(0o755)
    return python


def test_runs_get_the_images_python_where_there_is_one(home: Path, other_python: Path, capsys, monkeypatch) -> None:
    made = []
    monkeypatch.setattr(environment_module, "_install", lambda python, log, home: made.append(python))
    environment = make_environment(home)
    assert environment.version == (3, 99)
    said = []
    note_on_python(environment, said.append)
    assert said == [] and len(made) == 1
    assert make_environment(home) == environment and len(made) == 1


def test_it_is_taken_as_soon_as_it_is_there_and_until_then_the_difference_is_said(
    home: Path, other_python: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(environment_module, "_install", lambda python, log, home: None)
    hidden = other_python.rename(other_python.with_name("hidden"))
    environment = make_environment(home)
    assert environment.version == sys.version_info[:2]
    said = []
    note_on_python(environment, said.append)
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert said == [
        f"note: runs have Python {here}, Kaggle's image 3.99; install python3.99 and run `make setup` to have the same"
    ]
    hidden.rename(other_python)
    assert find_environment(home) == environment  # a run goes on with what there is
    assert make_environment(home).version == (3, 99)
    assert "Python 3.99 is here now" in capsys.readouterr().out


def test_where_its_packages_cannot_be_had_the_running_python_takes_its_place(
    home: Path, other_python: Path, capsys, monkeypatch
) -> None:
    tries = []

    def install(python: Path, log: Path, home: Path) -> None:
        tries.append(python)
        if len(tries) == 1:
            raise KernelgenError("pip could not install the image's packages: no wheel for this Python")

    monkeypatch.setattr(environment_module, "_install", install)
    assert make_environment(home).version == sys.version_info[:2]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(".venv-kaggle: Python 3.99: pip could not install") and "tries again" in line
    assert make_environment(home).version == sys.version_info[:2] and len(tries) == 2  # not tried at every set-up


def test_tools_with_another_python_get_the_same_packages_of_their_own(home: Path, tmp_path: Path) -> None:
    """What `make setup` does where the tools run one Python, and runs have another."""
    tools = tmp_path / "tools"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tools)], check=True)
    own = tools / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (own / "tools.pth").write_text(f"{sysconfig.get_path('purelib')}\n{REPOSITORY}\n")
    code = f"""if True:
        from pathlib import Path
        from kernelgen.running.environment import RunEnvironment, provide
        other = RunEnvironment(Path("/nowhere"), Path("/nowhere"), (3, 99))
        provide(other, Path({str(home)!r}))
        provide(other, Path({str(home)!r}))
    """
    done = subprocess.run([tools / "bin" / "python", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("runs another Python than .venv-kaggle; installing the same packages") == 1
    assert (own / "tinyimage.py").is_file()


def test_a_python_that_is_named_and_does_not_work_is_one_line(home: Path, monkeypatch) -> None:
    monkeypatch.setenv("KERNELGEN_RUN_PYTHON", "/nowhere/python")
    assert "KERNELGEN_RUN_PYTHON=/nowhere/python: is no Python that makes" in refusal(make_environment, home)


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
    done = subprocess.run([find_environment().python, "-I", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "2.0.2"]


def test_the_tools_see_the_images_packages_behind_their_own() -> None:
    image = find_environment().site_packages
    torch, numpy, pytest_itself = map(importlib.util.find_spec, ("torch", "numpy", "pytest"))
    same_python = find_environment().version == sys.version_info[:2]
    assert torch and Path(torch.origin).is_relative_to(image) == same_python
    assert pytest_itself and not Path(pytest_itself.origin).is_relative_to(image)
    import numpy as np

    assert np.__version__ == "2.0.2"
    assert numpy
