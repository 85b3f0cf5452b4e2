"""Case packages, built and run by the command, print what their scripts print by themselves."""

import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from kernelgen.inlining.extraction import take_library

ROOT = Path(__file__).resolve().parents[2]
IMAGE = ROOT / ".venv-kaggle" / "bin" / "python"
CASES = sorted(path.parent.name for path in (ROOT / "tests" / "cases").glob("*/main.py"))
RECIPE = 'library = "pk"\n[kernels.case]\ntemplate = "case"\n'

pytestmark = pytest.mark.skipif(not IMAGE.exists(), reason="the image's environment is not set up: run `make setup`")


def run_both_ways(case: str, folder: Path) -> tuple[str, str]:
    """What `python main.py` prints, and what the template's cells print in the notebook that the command runs."""
    # Odd signs in a project's path are no reason to fail.
    script, project = folder / "script", folder / "größe 鳥"
    for copy in (script, project):
        shutil.copytree(ROOT / "tests" / "cases" / case, copy, ignore=shutil.ignore_patterns("__pycache__"))
    plain = subprocess.run([IMAGE, "main.py"], cwd=script, capture_output=True, timeout=120)
    assert plain.returncode == 0, f"{case}: python main.py fails by itself:\n{plain.stderr.decode()}"
    templates = project / "kernel_templates"
    templates.mkdir()
    (templates / "kernels.toml").write_text(RECIPE, encoding="utf-8")
    template = b"# %%\n{{ library() }}\n\n# %%\n" + (project / "main.py").read_bytes()
    (templates / "case.py.j2").write_bytes(template)
    (project / "main.py").unlink()
    command = [sys.executable, ROOT / "build_kernels.py", "--project", project, "--target", "case", "--run"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    built = nbformat.read(project / "build" / "case" / "case.ipynb", 4)
    for file, data in take_library(built).items():
        assert data == (project / file).read_bytes(), f"{case}: {file} is not what the folder holds"
    return plain.stdout.decode(), printed_after_library(project / "build" / "case" / "run" / "__notebook__.ipynb")


def printed_after_library(path: Path) -> str:
    cells = nbformat.read(path, 4).cells
    start = max(number for number, cell in enumerate(cells) if cell.id.startswith("library-"))
    outputs = [output for cell in cells[start:] for output in cell.get("outputs", [])]
    return "".join(one.text for one in outputs if one.output_type == "stream" and one.name == "stdout")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest):
    """The runs of the cases that were asked for, two at a time."""
    asked = {item.callspec.params["case"] for item in request.session.items if item.path == request.path}
    root = tmp_path_factory.mktemp("cases")
    with ThreadPoolExecutor(2) as pool:
        yield {case: pool.submit(run_both_ways, case, root / case) for case in sorted(asked)}


@pytest.mark.parametrize("case", CASES)
def test_a_notebook_prints_what_the_script_prints(case: str, runs: dict[str, Future]):
    script, notebook = runs[case].result()
    assert notebook == script
    assert script.strip()
