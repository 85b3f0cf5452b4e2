"""Every case package behaves in a notebook as it does beside `python main.py`."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from kernelgen.inlining.cells import library_cells
from kernelgen.inlining.closure import Code, closure
from kernelgen.inlining.extraction import take_library
from kernelgen.inlining.library import Library

REPOSITORY = Path(__file__).parents[3]
PYTHON = REPOSITORY / ".venv-kaggle/bin/python"
CASES = sorted(path.name for path in (REPOSITORY / "tests/cases").iterdir() if (path / "main.py").is_file())

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the image's environment is not set up: run `make setup`")


def build(folder: Path) -> nbformat.NotebookNode:
    library = Library(folder, "pk")
    text = (folder / "main.py").read_text(encoding="utf-8")
    cells = library_cells(library, closure(library, [Code("main.py", text)]))
    main = nbformat.v4.new_code_cell(text, id="main")
    notebook = nbformat.v4.new_notebook(cells=[*cells, main])
    nbformat.validate(notebook)
    return nbformat.reads(nbformat.writes(notebook), as_version=4)


def run_in_a_kernel(notebook: nbformat.NotebookNode, folder: Path) -> str:
    manager = AsyncKernelManager()
    argv = [str(PYTHON), "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=argv, display_name="image", language="python")
    client = NotebookClient(notebook, km=manager, timeout=120, allow_errors=True)
    client.execute(cwd=str(folder))
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return "\n".join([f"{cell.id} failed", *output.traceback])
    outputs = notebook.cells[-1].outputs
    return "".join(one.text for one in outputs if one.output_type == "stream" and one.name == "stdout")


def run_both_ways(name: str, root: Path) -> tuple[str, str]:
    plain, working = root / name / "plain", root / name / "working"
    shutil.copytree(REPOSITORY / "tests/cases" / name, plain, ignore=shutil.ignore_patterns("__pycache__"))
    working.mkdir()
    done = subprocess.run([PYTHON, "main.py"], cwd=plain, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{name}: python main.py fails by itself:\n{done.stderr}"
    return done.stdout, run_in_a_kernel(build(REPOSITORY / "tests/cases" / name), working)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest):
    """The runs of all cases that were asked for, two at a time, as each waits for its kernel to start."""
    asked = {
        item.callspec.params["case"]
        for item in request.session.items
        if hasattr(item, "callspec") and "case" in item.callspec.params
    }
    root = tmp_path_factory.mktemp("cases")
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(run_both_ways, name, root) for name in sorted(asked)}


@pytest.mark.parametrize("case", CASES)
def test_a_notebook_prints_what_the_script_prints(case: str, runs):
    script, notebook = runs[case].result()
    assert notebook == script
    assert script.strip()


@pytest.mark.parametrize("name", CASES)
def test_the_library_taken_from_a_notebook_is_the_folder_byte_for_byte(name: str):
    folder = REPOSITORY / "tests/cases" / name
    taken = take_library(build(folder))
    assert taken
    for file, data in taken.items():
        assert data == (folder / file).read_bytes(), file
