"""A dataset can be made of what a kernel left: [output] in its dataset.toml."""

import pytest

from kernelgen.chaining.finished import newest_output, note_finished, output_folder, run_folder
from kernelgen.datasets.filling import fill, is_filled
from kernelgen.errors import KernelgenError
from kernelgen.recipe import load_project

DESCRIPTION = """title = "Some weights"
license = "CC0-1.0"
[output]
kernel = "case"
files = ["manifest.json", "*.bin"]
"""


@pytest.fixture
def project(write_project):
    return load_project(write_project(files={"datasets/some-weights/dataset.toml": DESCRIPTION}))


def finish(project, files, folder_of=run_folder):
    folder = folder_of(project.root / "build", "case")
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in {"__notebook__.ipynb": b"{}", **files}.items():
        (folder / name).write_bytes(data)
    note_finished(folder)


def filled(project):
    dataset = project.datasets["some-weights"]
    fill(dataset, "me", output_of=lambda kernel: newest_output(project.root / "build", kernel))
    return {path.name: path.read_bytes() for path in dataset.payload()}


def test_it_holds_the_files_that_are_named_and_no_others(project):
    finish(project, {"manifest.json": b"{}", "a.bin": b"a", "b.bin": b"b", "notes.txt": b"n"})
    assert filled(project) == {"manifest.json": b"{}", "a.bin": b"a", "b.bin": b"b"}
    assert is_filled(project.datasets["some-weights"])


def test_what_a_later_run_no_longer_makes_goes_away(project):
    finish(project, {"manifest.json": b"{}", "a.bin": b"a"})
    filled(project)
    (run_folder(project.root / "build", "case") / "a.bin").unlink()
    finish(project, {"manifest.json": b"[]", "c.bin": b"c"})
    assert filled(project) == {"manifest.json": b"[]", "c.bin": b"c"}


def test_the_newest_output_counts_be_it_made_here_or_brought_from_kaggle(project):
    finish(project, {"manifest.json": b"here", "a.bin": b"a"})
    finish(project, {"manifest.json": b"kaggle", "a.bin": b"k"}, output_folder)
    assert filled(project)["manifest.json"] == b"kaggle"
    finish(project, {"manifest.json": b"here again", "a.bin": b"a"})
    assert filled(project)["manifest.json"] == b"here again"


def test_without_any_output_it_says_how_to_get_one(project):
    with pytest.raises(KernelgenError, match="kernel case has left nothing here.*--run.*--output"):
        filled(project)


def test_a_pattern_that_matches_nothing_is_told_and_nothing_is_lost(project):
    finish(project, {"manifest.json": b"{}", "a.bin": b"a"})
    filled(project)
    (run_folder(project.root / "build", "case") / "a.bin").unlink()
    with pytest.raises(KernelgenError, match=r"matches \*\.bin"):
        filled(project)
    assert {path.name for path in project.datasets["some-weights"].payload()} == {"manifest.json", "a.bin"}


def test_a_kernel_that_is_not_in_the_recipe_is_told(write_project):
    root = write_project(files={"datasets/some-weights/dataset.toml": DESCRIPTION.replace('"case"', '"cases"')})
    with pytest.raises(KernelgenError, match="there is no kernel 'cases'.*did you mean case"):
        load_project(root)
