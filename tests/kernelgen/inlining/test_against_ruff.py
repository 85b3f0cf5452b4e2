"""The closure of the recipe's kernels, held against `ruff analyze graph`, which reads imports independently."""

import ast
import json
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from kernelgen.building import build_kernel
from kernelgen.recipe import load_project

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def graph() -> dict[str, list[str]]:
    """For each file of birdlib the files that it imports."""
    command = [sys.executable, "-m", "ruff", "analyze", "graph", "--no-type-checking-imports", "birdlib"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def project():
    return load_project(ROOT, owner="someone")


def files_of(name: str) -> set[str]:
    """A module's file and the `__init__.py` of each package above it."""
    parts = name.split(".")
    places = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    found = {f"{place}/__init__.py" for place in places} | {f"{places[-1]}.py"}
    return {file for file in found if (ROOT / file).is_file()}


def reached(graph: dict[str, list[str]], names: set[str]) -> set[str]:
    waiting = [file for name in names for file in files_of(name)]
    found: set[str] = set()
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            module = file.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")
            waiting += [*graph[file], *files_of(module)]
    return found


def imported(text: str) -> set[str]:
    """The names that a template's code imports from birdlib, each also as a submodule that it may be."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "birdlib":
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.partition(".")[0] == "birdlib"}
    return found


@pytest.mark.parametrize("kernel", ["prepare", "train", "export", "score", "submission", "untrained", "demo-truth"])
def test_a_kernel_holds_the_modules_that_ruff_finds(project, graph, kernel):
    built = build_kernel(project, project.kernels[kernel], commit="x")
    names = {name for cell in built.cells if cell.kind == "code" for name in imported(cell.python)}
    modules = [file.removesuffix(".py").replace("/", ".") for file in graph]
    names |= {name for pattern in built.kernel.included for name in modules if fnmatchcase(name, pattern)}
    assert {str(module.file) for module in built.closure.modules} == reached(graph, names) != set()
