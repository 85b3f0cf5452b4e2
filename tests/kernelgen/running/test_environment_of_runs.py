"""Set-up of the environment that kernels are run in."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.running.environment import find_environment, make_environment

pytestmark = pytest.mark.xdist_group("runs")  # they count the processes of their runs

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
    assert torch and Path(torch.origin).is_relative_to(image)
    assert pytest_itself and not Path(pytest_itself.origin).is_relative_to(image)
    import numpy as np

    assert np.__version__ == "2.0.2"
    assert numpy
