"""What an edited notebook is compared with, and what is said where that is not known."""

import json
import os
import shutil

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.pulling.cells import read_cells
from kernelgen.pulling.origin import origin_of


def test_a_notebook_says_what_made_it(place):
    text = json.dumps(place.notebook)
    origin = origin_of(read_cells(text, "x"))
    assert (origin.library, origin.kernel, origin.template) == ("pk", "case", "kernel_templates/case.py.j2")
    assert place.git("rev-parse", "HEAD").startswith(origin.commit) and len(origin.commit) == 12


def test_the_commit_is_the_base_though_the_working_tree_went_on(place):
    place.edit("pk/words.py", "FIRST = 1", "FIRST = 10")
    place.write("pk/hear.py", '"""Hears nothing."""\n')
    place.write("kernel_templates/case.py.j2", "# %% [markdown]\n# {{ provenance() }}\n")
    place.write("kernel_templates/kernels.toml", 'library = "pk"\n[kernels.case]\ntemplate = "case"\n')
    place.commit()
    comparison = place.compare()
    assert [change.file for change in comparison.files] == ["pk/words.py"] and comparison.cells == ()
    assert place.apply(comparison) and b"FIRST = 10" in place.read("pk/words.py")


def test_a_tag_names_a_commit_and_a_branch_does_not(place):
    place.git("tag", "v1.0")
    place.git("branch", "abcdef1")
    place.push(commit="v1.0")
    place.write("pk/hear.py", '"""Hears nothing."""\n')
    assert place.compare().clean
    place.push(commit="abcdef1")
    assert "commit abcdef1 is not in this repository; get it with git fetch" in " ".join(place.compare().notes).lower()


def test_the_repository_is_only_read(place):
    def state():
        folder = place.root / ".git"
        return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}

    place.write("pk/hear.py", place.read("pk/hear.py") + b"\n")
    before = state()
    place.edit("pk/words.py", "FIRST = 1", "FIRST = 10")
    place.compare()
    assert state() == before


def test_a_checkouts_filters_are_followed_and_not_an_archives(place):
    """What .gitattributes says of archives does not hold for the working tree that the kernel was built from."""
    attributes = "pk/words.py export-subst\npk/hear.py export-ignore\npk/windows.py -text\npk/lines.py eol=crlf\n"
    place.write(".gitattributes", attributes)
    place.write("pk/words.py", '"""Words."""\n\nFIRST = "$Format:%H$"\n')
    place.write("pk/lines.py", b"X = 1\r\n")
    place.write("pk/hear.py", place.read("pk/hear.py").replace(b"odd, ", b"lines, odd, "))
    place.commit()
    place.push()
    assert place.git("show", "HEAD:pk/lines.py") == "X = 1" and place.compare().clean
    place.write("pk/words.py", "gone = 1\n")
    place.edit("pk/lines.py", "X = 1", "X = 2")
    comparison = place.compare()
    assert [change.file for change in comparison.files] == ["pk/lines.py"]
    assert place.apply(comparison) and place.read("pk/lines.py") == b"X = 2\r\n"


def test_a_project_in_a_folder_of_its_repository_and_git_called_from_a_hook(place, monkeypatch):
    above = place.root.parent
    shutil.rmtree(place.root / ".git")
    inner, place.root = place.root, above
    place.write(".gitignore", "home*\nout\n")
    place.commit()
    place.root = inner
    place.push()
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    place.edit("pk/words.py", "FIRST = 1", "FIRST = 10")
    comparison = place.compare()
    assert [change.file for change in comparison.files] == ["pk/words.py"] and comparison.is_built
    assert place.apply(comparison)


def test_whether_it_was_built_to_go_on_is_told_by_the_notebook(place):
    place.push(resumed=True)
    assert place.compare().clean
    place.push(resumed=False)
    assert place.compare().clean


def test_set_values_show_in_the_settings_and_that_is_said(place):
    place.push(overrides=["epochs=5"])
    comparison = place.compare()
    assert comparison.files == () and len(comparison.cells) == 1
    assert '"Settings"' in comparison.report() and "-EPOCHS = 3\n+EPOCHS = 5" in comparison.report()
    assert "--set" in comparison.report().split("\n")[1]
    assert place.compare(overrides=["epochs=5"]).clean


def test_the_pushed_notebook_is_the_base_where_it_names_the_same_commit(place, tmp_path):
    pushed = tmp_path / "pushed.ipynb"
    place.write("pk/words.py", place.read("pk/words.py") + b"MORE = 8\n")
    pushed.write_text(place.push(overrides=["epochs=5"]))
    assert "+changes" in pushed.read_text()
    place.write("pk/hear.py", place.read("pk/hear.py") + b"# here\n")
    assert place.compare(pushed=pushed).clean
    place.edit("pk/words.py", "MORE = 8", "MORE = 9")
    comparison = place.compare(pushed=pushed)
    assert comparison.report().startswith("pk-case: 1 library file changed on Kaggle (compared with the notebook that")
    assert place.apply(comparison) and place.read("pk/words.py").endswith(b"MORE = 9\n")
    assert place.read("pk/hear.py").endswith(b"# here\n")


@pytest.mark.parametrize("what", ["other commit", "other kernel", "no notebook", "gone", "no text"])
def test_another_pushed_notebook_is_not_the_base(place, tmp_path, what):
    pushed = tmp_path / "pushed.ipynb"
    text = json.dumps(place.notebook).replace("SECOND", "OTHER")
    if what == "other commit":
        text = text.replace("from commit `", "from commit `0")
    elif what == "other kernel":
        text = text.replace("kernel `case`", "kernel `weights`")
    elif what == "no notebook":
        text = "[]"
    if what != "gone":
        pushed.write_bytes(b"\xff\xfe" if what == "no text" else text.encode())
    comparison = place.compare(pushed=pushed)
    assert comparison.clean and "built again" in comparison.base
    assert place.said[0].startswith("note: ")


@pytest.mark.parametrize(
    ("commit", "why"),
    [
        ("0123456789ab", "commit 0123456789ab is not in this repository; get it with git fetch"),
        ("no-commit", "the notebook was built outside git"),
        ("{head}+changes", "with changes that were in no commit"),
        ("--output=/tmp/x", "'--output=/tmp/x' is no commit"),
        ("HEAD", "commit HEAD is not in this repository"),
        ("@{{u}}", "is no commit"),
    ],
)
def test_without_a_base_all_is_shown_and_nothing_applied(place, commit, why):
    place.push(commit=commit.format(head=place.git("rev-parse", "--short=12", "HEAD")))
    unedited = place.compare()
    assert why.lower() in unedited.notes[0].lower() and "\n" not in unedited.notes[0]
    assert unedited.clean and place.apply(unedited)
    assert unedited.report().startswith("pk-case: on Kaggle as it would be built here (compared with the working tree)")
    place.edit("pk/words.py", "FIRST = 1", "FIRST = 10")
    place.cell('print("done")')["source"] = 'print("ready, done")'
    before, comparison = place.files(), place.compare()
    assert not comparison.clean and "-FIRST = 1\n+FIRST = 10\n" in comparison.report()
    assert comparison.report().startswith("pk-case: 1 library file not as here, 1 template cell not as here")
    assert place.apply(comparison) is False and place.files() == before
    assert place.said[0].startswith("error: pk/words.py: not written: the base is not known; see ")
    assert (place.out / "case/pulled/pk/words.py").read_text().count("FIRST = 10\n") == 1


def test_outside_git_all_is_shown_and_nothing_applied(place):
    shutil.rmtree(place.root / ".git")
    comparison = place.compare()
    assert "is in no git repository" in comparison.notes[0] and comparison.clean


def test_a_kernel_that_the_commit_does_not_have(place):
    first = place.git("rev-parse", "--short=12", "HEAD")
    recipe = place.read("kernel_templates/kernels.toml").decode().replace("kernels.case", "kernels.later")
    place.write("kernel_templates/kernels.toml", recipe)
    place.commit()
    place.kernel = "later"
    place.push(commit=first)
    comparison = place.compare()
    assert f"Commit {first} has no kernel later" in comparison.notes[0] and comparison.clean


def test_a_commit_that_cannot_be_built_still_gives_its_files(place):
    place.write("kernel_templates/case.py.j2", place.read("kernel_templates/case.py.j2") + b"\n# %%\nundefined_name\n")
    place.commit()
    commit = place.git("rev-parse", "--short=12", "HEAD")
    place.git("checkout", "-q", "HEAD~1")
    place.push(commit=commit)
    assert place.compare().clean
    place.edit("pk/words.py", "FIRST = 1", "FIRST = 10")
    comparison = place.compare()
    assert "template cells cannot be compared" in comparison.notes[0] and "undefined_name" in comparison.notes[0]
    assert place.apply(comparison) and b"FIRST = 10" in place.read("pk/words.py")


def test_a_template_without_provenance_has_its_base_where_it_was_pushed_from(place, tmp_path):
    place.write(
        "kernel_templates/case.py.j2", place.read("kernel_templates/case.py.j2").replace(b"# {{ provenance() }}\n", b"")
    )
    place.commit()
    pushed = tmp_path / "pushed.ipynb"
    pushed.write_text(place.push())
    place.edit("pk/words.py", "FIRST = 1", "FIRST = 10")
    assert "does not say which commit built it" in place.compare().notes[0]
    assert place.apply(place.compare(pushed=pushed)) and b"FIRST = 10" in place.read("pk/words.py")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: "print('a script')\n", "is no notebook"),
        (lambda text: "[" * 100_000, "is no notebook"),
        (lambda text: "", "is no notebook"),
        (lambda text: "{}", "is no notebook"),
        (lambda text: '{"cells": [1]}', "is no notebook"),
        (lambda text: '{"cells": [{"cell_type": "code", "source": [1]}]}', "is no notebook"),
        (lambda text: '{"worksheets": []}', "old format"),
        (lambda text: '{"cells": []}', "is no notebook of this project"),
        (lambda text: text.replace("kernel `case`", "kernel `other`"), "names the kernel other, not case"),
        (lambda text: text.replace("library `pk`", "library `kp`"), "from the library kp, this project's is pk"),
        (lambda text: text.replace("_kernelgen_library", "FOLDER"), "nothing of the library pk is left"),
    ],
)
def test_what_is_no_notebook_of_ours_is_refused_in_one_line(place, change, says):
    with pytest.raises(KernelgenError) as caught:
        place.compare(change(json.dumps(place.notebook)))
    assert says in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith("pk-case on Kaggle: ")


def test_nothing_is_left_behind(place, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    place.edit("pk/words.py", "FIRST = 1", "FIRST = 10")
    place.write("pk/words.py", place.read("pk/words.py") + b"MORE = 1\n")
    place.apply()
    assert os.listdir(temporary) == [] and not place.out.exists()
