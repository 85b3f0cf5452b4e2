"""A template that holds a script's text builds into a notebook that holds it word for word."""

import shutil
from pathlib import Path

import pytest

from kernelgen.building import build_kernel
from kernelgen.recipe import load_project

CASES = sorted(path.parent for path in (Path(__file__).parents[2] / "cases").glob("*/main.py"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_package_builds_and_keeps_its_script(write_project, with_library, case):
    text = (case / "main.py").read_text(encoding="utf-8")
    root = write_project(case=with_library(text))
    shutil.rmtree(root / "pk")
    shutil.copytree(case, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    project = load_project(root, owner="tester")
    built = build_kernel(project, project.kernels["case"], commit="abc")
    codes = [cell.source for cell in built.notebook.cells if cell.cell_type == "code"]
    assert codes[-1] == text.strip("\n")
