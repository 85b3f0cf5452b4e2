"""The built notebook and its metadata, as files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat

from kernelgen.building import build_kernel, write_kernel
from kernelgen.nodes import notebook_text
from kernelgen.recipe import load_project

ROOT = Path(__file__).parents[3]
GOLDEN = Path(__file__).with_name("golden_case.md")
RECIPE = """
library = "pk"
owner = "someone"
mounts = "pk.sources"
[settings]
edition = 2023
[kernels.case]
template = "case"
title = "Birds, heard twice"
time_limit = 90
keywords = ["audio"]
[kernels.case.settings]
classes = ["amecro", "norcar"]
[kernels.case.sources]
audio = "competition:birdclef-2023"
weights = "kernel:weights"
wheels = "dataset:some-wheels"
foreign = "dataset:other/foreign-data/3"
model = "model:google/bird-vocalization-classifier/tensorFlow2/bird-vocalization-classifier/4"
[kernels.weights]
template = "weights"
gpu = true
machine_shape = "NvidiaTeslaT4"
"""
CASE = """# %% [markdown]
# # {{ kernel.title }}
# {{ provenance() }}

# %% [markdown]
# ## Settings

# %%
EDITION = {{ edition | literal }}
CLASSES = {{ classes | literal }}
WEIGHTS = {{ sources.weights | literal }}
REST = [{{ sources.audio | literal }}, {{ sources.wheels | literal }}, {{ sources.foreign | literal }}]
MODEL = {{ sources.model | literal }}
MINUTES = {{ kernel.time_limit_minutes | literal }}

# %%
{{ library() }}

# %% [markdown]
# ## The run

# %% tags=["run"]
from pk.hear import hear

hear(EDITION, CLASSES, WEIGHTS, REST, MODEL, MINUTES)
"""
FILES = {
    "pk/hear.py": '"""Hears."""\n\nfrom . import sources\n\n\ndef hear(*what):\n    print(sources.ROOT, *what)\n',
    "pk/sources.py": '"""Finds."""\n\nROOT = "/kaggle/input"\n',
    "kernel_templates/weights.py.j2": "print('weights')\n",
    "datasets/some-wheels/dataset.toml": 'title = "Some wheels"\nlicense = "apache-2.0"\n',
}


def as_text(notebook):
    """Headings and template cells; of the library's cells only that they are there."""
    parts = []
    for cell in notebook.cells:
        if "library-" in cell.id:
            of_a_heading = cell.source if cell.cell_type == "markdown" else cell.source.split("\n")[0]
            parts.append(f"<!-- the library's -->\n{of_a_heading}\n")
        else:
            kind = cell.cell_type + (f" {dict(cell.metadata)}" if cell.metadata else "")
            parts.append(f"<!-- {cell.id}: {kind} -->\n{cell.source}\n")
    return "\n".join(parts)


def test_the_notebook_reads_as_it_did(build):
    text = as_text(build(RECIPE, CASE, FILES).notebook)
    if not GOLDEN.exists():
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_only_library_cells_are_folded(build):
    for cell in build(RECIPE, CASE, FILES).notebook.cells:
        assert bool(cell.metadata.get("_kg_hide-input")) == cell.source.startswith("%%writefile")


def test_metadata_states_every_key_and_names_the_owner(build):
    assert build(RECIPE, CASE, FILES).metadata == {
        "id": "someone/birds-heard-twice",
        "title": "Birds, heard twice",
        "code_file": "case.ipynb",
        "language": "python",
        "kernel_type": "notebook",
        "is_private": True,
        "enable_gpu": False,
        "enable_tpu": False,
        "enable_internet": False,
        "keywords": ["audio"],
        "competition_sources": ["birdclef-2023"],
        "dataset_sources": ["other/foreign-data/3", "someone/some-wheels"],
        "kernel_sources": ["someone/pk-weights"],
        "model_sources": [
            "google/bird-vocalization-classifier/tensorFlow2/bird-vocalization-classifier/4"
        ],
    }  # fmt: skip
    weights = build(RECIPE, CASE, FILES, kernel="weights").metadata
    assert weights["enable_gpu"] is True and weights["machine_shape"] == "NvidiaTeslaT4"


def test_the_owner_stands_in_the_metadata_alone(build):
    built = build(RECIPE, CASE, FILES)
    assert "someone" not in nbformat.writes(built.notebook)


def test_files_are_ascii_where_kaggle_s_client_needs_it_and_valid(build, tmp_path):
    built = build('library = "pk"\n[kernels.case]\ntemplate = "case"\ntitle = "Vögel hören"\n')
    notebook = write_kernel(built, tmp_path / "out")
    metadata = (tmp_path / "out/case/kernel-metadata.json").read_bytes()
    assert metadata.isascii() and json.loads(metadata)["id"].endswith("/vogel-horen")
    read = nbformat.read(notebook, as_version=4)
    nbformat.validate(read)
    assert read.metadata.kernelspec.name == "python3" and read.nbformat_minor == 5


def test_writing_leaves_the_last_run_alone(build, tmp_path):
    kept = tmp_path / "out/case/run/submission.csv"
    kept.parent.mkdir(parents=True)
    kept.write_text("row_id\n")
    write_kernel(build(), tmp_path / "out")
    assert kept.read_text() == "row_id\n"
    assert sorted(path.name for path in (tmp_path / "out/case").iterdir()) == [
        "case.ipynb", "kernel-metadata.json", "run"
    ]  # fmt: skip


def test_two_builds_give_the_same_bytes_wherever_and_however_they_are_made(write_project, tmp_path):
    project = write_project(RECIPE, CASE, FILES, folder="a b/ü")
    texts = []
    for number, (where, seed) in enumerate([(tmp_path, "0"), (ROOT, "1"), (project / "pk", "2")]):
        out = tmp_path / f"out{number}"
        subprocess.run(
            [sys.executable, str(ROOT / "build_kernels.py"), "--project", str(project), "--target", "all",
             "--out", str(out), "--commit", "abc"],
            check=True, cwd=where, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True,
        )  # fmt: skip
        texts.append({path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()})
    assert texts[0] == texts[1] == texts[2] and len(texts[0]) == 4


def test_an_elsewhere_copied_project_builds_the_same_bytes(write_project):
    texts = []
    for folder in ("one", "deeper/two"):
        project = load_project(write_project(RECIPE, CASE, FILES, folder=folder))
        texts.append(nbformat.writes(build_kernel(project, project.kernels["case"], commit="abc").notebook))
    assert texts[0] == texts[1]


def test_the_commit_says_whether_tracked_files_differ_from_it(write_project, monkeypatch):
    from kernelgen.building.provenance import current_commit

    root = write_project()
    assert current_commit(root) == "no-commit"

    def git(*arguments):
        subprocess.run(
            ["git", "-C", str(root), "-c", "user.name=n", "-c", "user.email=e", *arguments],
            check=True, capture_output=True,
        )  # fmt: skip

    git("init", "-q")
    assert current_commit(root) == "no-commit"
    git("add", ".")
    git("commit", "-qm", "first")
    commit = current_commit(root)
    assert len(commit) == 12
    (root / "untracked").write_text("")
    assert current_commit(root) == commit
    monkeypatch.setenv("GIT_DIR", str(root / "elsewhere"))
    (root / "pk/__init__.py").write_text("x = 1\n")
    assert current_commit(root) == commit + "+changes"


def test_kernels_of_the_same_cells_but_other_settings_get_each_their_own_modules(write_project, with_library):
    recipe = (
        'library = "pk"\n'
        '[kernels.one]\ntemplate = "case"\nsettings = { name = "pk.a" }\n'
        '[kernels.two]\ntemplate = "case"\nsettings = { name = "pk.b" }\n'
    )
    code = "from importlib import import_module\n\nchosen = import_module(NAME)\n"
    case = "# %%\nNAME = {{ name | literal }}\n\n" + with_library(code)
    project = load_project(write_project(recipe, case, {"pk/a.py": "", "pk/b.py": ""}))
    held = {
        name: [module.name for module in build_kernel(project, kernel, commit="c").closure.modules]
        for name, kernel in project.kernels.items()
    }
    assert held == {"one": ["pk", "pk.a"], "two": ["pk", "pk.b"]}


def test_a_template_that_needs_nothing_of_the_library_sees_no_arguments_of_the_kernel(build, with_library):
    cells = build(case=with_library("import argparse\nprint(argparse.ArgumentParser().parse_args())\n")).notebook.cells
    (setup,) = [cell for cell in cells if cell.id.startswith("library--")]
    arguments = sys.argv
    sys.argv = ["main.py", "-f", "kernel.json"]
    try:
        exec(setup.source, names := {"__builtins__": __builtins__})
        assert sys.argv == ["main.py"] and set(names) == {"__builtins__"}
    finally:
        sys.argv = arguments


def test_a_value_stands_beside_a_string_as_it_would_alone(build):
    recipe = 'library = "pk"\n[kernels.case]\ntemplate = "case"\nsettings = { name = "pk", n = 3 }\n'
    case = 'NAME = "a" {{ name | literal }}\nN = 1{{ n | literal }}\n'
    assert build(recipe, case).notebook.cells[0].source == 'NAME = "a" "pk"\nN = 13'


def test_the_text_of_a_file_is_that_of_its_notebook(build):
    notebook = build(RECIPE, CASE, FILES).notebook
    assert notebook_text(notebook) == json.dumps(notebook, sort_keys=True)
    empty = nbformat.v4.new_notebook()
    assert notebook_text(empty) == json.dumps(empty, sort_keys=True)
