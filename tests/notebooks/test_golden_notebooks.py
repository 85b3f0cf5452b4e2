"""The notebooks as a reader meets them: headings and template cells, without the library's bodies.

A golden file that is missing is written, to be read and committed. One that differs is a change to be looked at:
`make golden` writes all of them anew, and shows what git finds changed.
"""

from pathlib import Path

import nbformat
import pytest

from .conftest import command

GOLDEN = Path(__file__).parent / "golden"
KERNELS = [
    "prepare",
    "train",
    "evaluate",
    "export",
    "untrained",
    "outside",
    "head",
    "submission",
    "score",
    "demo-competition",
    "demo-truth",
]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("built")
    done = command("--target", ",".join(KERNELS), "--out", out, "--commit", "0123456789ab", "--owner", "someone")
    assert done.status == 0, done.err
    return out


def as_read(notebook):
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        elif cell.source.startswith("%%writefile"):
            parts.append(f"```\n{cell.source.partition(chr(10))[0]}\n```")
        else:
            parts.append(f"```python\n{cell.source}\n```")
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_notebook_reads_as_it_did_when_it_was_last_looked_at(built, kernel):
    notebook = nbformat.read(built / kernel / f"{kernel}.ipynb", 4)
    nbformat.validate(notebook)
    golden = GOLDEN / f"{kernel}.md"
    if not golden.exists():
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(as_read(notebook), encoding="utf-8")
        pytest.fail(f"{golden} was missing and has been written: read it, commit it")
    assert as_read(notebook) == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("kernel", KERNELS)
def test_two_builds_from_two_places_give_the_same_bytes(built, kernel, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    done = command(
        "--target",
        kernel,
        "--out",
        tmp_path / "out",
        "--commit",
        "0123456789ab",
        "--owner",
        "someone",
        cwd=tmp_path / "elsewhere",
        PYTHONHASHSEED="7",
    )
    assert done.status == 0, done.err
    for name in (f"{kernel}.ipynb", "kernel-metadata.json"):
        assert (tmp_path / "out" / kernel / name).read_bytes() == (built / kernel / name).read_bytes()
