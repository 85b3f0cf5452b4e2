"""The house: which way imports run, what a template may hold, and what must agree."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from birdlib.competition.editions import edition

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "kernel_templates").glob("*.py.j2"))
RECIPE = tomllib.loads((ROOT / "kernel_templates" / "kernels.toml").read_text(encoding="utf-8"))


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize(("room", "foreign"), [("kernelgen", "birdlib"), ("birdlib", "kernelgen")])
def test_the_generator_and_the_library_do_not_know_each_other(room, foreign):
    files = sorted((ROOT / room).rglob("*.py"))
    assert len(files) > 10
    assert [str(path) for path in files if foreign in imports(path)] == []
    assert [str(path) for path in files if re.search(rf"\b{foreign}\b", path.read_text(encoding="utf-8"))] == []


def test_building_imports_neither_the_library_nor_what_only_runs_need():
    code = (
        "import sys, build_kernels\n"
        "assert build_kernels.main(['--target', 'submission', '--out', sys.argv[1], '--commit', 'x']) == 0\n"
        "heavy = {'birdlib', 'torch', 'timm', 'openvino', 'numpy', 'pandas', 'kaggle'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    import tempfile

    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([sys.executable, "-c", code, out], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_is_valid_python_with_values_and_no_logic(template):
    text = template.read_text(encoding="utf-8")
    assert "{%" not in text and "{#" not in text
    ast.parse(text)  # {{ value | literal }} is a set in a set


def test_the_submissions_time_limit_is_the_competitions():
    settings = RECIPE["kernels"]["submission"]["settings"]
    assert settings["time_limit_minutes"] == edition(RECIPE["settings"]["edition"]).time_limit_minutes
    assert RECIPE["kernels"]["submission"]["sources"]["competition"] == f"competition:{edition(2023).slug}"


def test_the_submission_needs_neither_training_packages_nor_training_code(tmp_path):
    import build_kernels

    assert build_kernels.main(["--target", "submission", "--out", str(tmp_path), "--commit", "x"]) == 0
    text = (tmp_path / "submission" / "submission.ipynb").read_text(encoding="utf-8")
    for package in ("timm", "torchvision", "accelerate"):
        assert not re.search(rf"\b(import|from) {package}\b", text)
    for room in ("models", "export", "demo"):
        assert f"{{LIBRARY}}/birdlib/{room}/" not in text


def test_every_module_of_the_library_begins_with_one_line_that_can_be_its_heading():
    for path in sorted((ROOT / "birdlib").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if source:
            line = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
            assert 10 < len(line) < 100 and line.endswith("."), f"{path}: {line!r}"
