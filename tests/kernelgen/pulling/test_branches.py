"""A pull makes a commit on the branch kaggle/NAME, and touches nothing else."""

import os
import re
import shutil

import pytest

from kernelgen.errors import KernelgenError


@pytest.fixture
def edited(place):
    """The project, after an edit of a library file on Kaggle."""
    place.edit("FIRST = 1\n", "FIRST = 10\n")
    return place


def state(place):
    """All that a pull must leave alone: files, index, and the branch that is checked out."""
    return (
        place.files(),
        (place.root / ".git/index").read_bytes(),
        place.git("rev-parse", "HEAD", "--abbrev-ref", "HEAD"),
    )


def test_the_commit_stands_on_the_one_that_the_notebook_names(edited):
    named = edited.git("rev-parse", "HEAD")
    edited.write("pk/hear.py", '"""Hears nothing."""\n')
    edited.commit()
    before = state(edited)
    pulled = edited.pull()
    assert edited.git("rev-parse", "kaggle/case^") == named
    assert edited.git("diff", "--name-only", named, "kaggle/case") == "pk/words.py"
    assert b"FIRST = 10\n" in edited.pulled("pk/words.py")
    assert state(edited) == before and pulled.is_complete
    assert "git merge kaggle/case" in pulled.report and "-FIRST = 1\n+FIRST = 10\n" in pulled.report
    edited.git("merge", "-q", "kaggle/case")
    assert b"FIRST = 10\n" in edited.read("pk/words.py") and edited.read("pk/hear.py") == b'"""Hears nothing."""\n'


def test_changes_of_the_working_tree_and_the_index_stay(edited):
    edited.write("pk/words.py", "mine = 1\n")
    edited.git("add", "pk/words.py")
    edited.write("pk/words.py", "mine = 2\n")
    before = state(edited)
    edited.pull()
    assert state(edited) == before


def test_the_message_names_kernel_commit_and_what_is_left(edited):
    edited.edit("EPOCHS = 3", "EPOCHS = 4")
    edited.pull()
    subject, _, *body = edited.git("log", "-1", "--format=%B", "kaggle/case").split("\n")
    assert subject == "Take over edits of kernel case from Kaggle"
    assert body[0] == f"The notebook was built from commit {edited.git('rev-parse', '--short=12', 'HEAD')}."
    assert body[1].startswith("Some edits of cells are not in this commit")
    assert "Pulled-from-Kaggle: someone/pk-case" in body


def test_nothing_edited_makes_no_branch(place):
    pulled = place.pull()
    assert pulled.is_complete and "pk-case: nothing was edited on Kaggle (compared with commit " in pulled.report
    assert place.branches == ["main"] and not place.out.exists()


def test_diff_only_shows(edited):
    edited.edit("EPOCHS = 3", "EPOCHS = 4")
    objects = edited.git("count-objects")
    report = edited.pull(keep=False).report
    assert "+FIRST = 10\n" in report and "+EPOCHS = 4" in report and "git merge" not in report
    assert edited.branches == ["main"] and not edited.out.exists() and edited.git("count-objects") == objects


def test_the_same_edits_are_pulled_once(edited):
    edited.pull()
    tip = edited.git("rev-parse", "kaggle/case")
    assert "branch kaggle/case has it already" in edited.pull(edited.saved(windows=True)).report
    assert edited.git("rev-parse", "kaggle/case") == tip


def test_other_edits_take_the_place_of_the_first(edited):
    edited.pull()
    edited.edit("SECOND = 2\n", "SECOND = 20\n")
    edited.edit("FIRST = 10\n", "FIRST = 1\n")
    edited.pull()
    assert edited.git("rev-parse", "kaggle/case^") == edited.git("rev-parse", "main")
    assert edited.pulled("pk/words.py") == edited.read("pk/words.py").replace(b"SECOND = 2\n", b"SECOND = 20\n")


def test_a_merged_branch_begins_anew_at_the_next_push(edited):
    edited.pull()
    edited.git("merge", "-q", "kaggle/case")
    edited.push()
    edited.edit("SECOND = 2\n", "SECOND = 20\n")
    edited.pull()
    assert edited.git("rev-parse", "kaggle/case^") == edited.git("rev-parse", "main")
    assert b"FIRST = 10\nSECOND = 20\n" in edited.pulled("pk/words.py")


@pytest.mark.parametrize("whose", ["a person's commit", "edits of an earlier push"])
def test_commits_that_a_pull_would_undo_stop_it(edited, whose):
    edited.pull()
    if whose == "a person's commit":
        tree, tip = edited.git("rev-parse", "main^{tree}"), edited.git("rev-parse", "kaggle/case")
        edited.git("update-ref", "refs/heads/kaggle/case", edited.git("commit-tree", tree, "-p", tip, "-m", "Mine"))
    else:
        edited.commit()
        edited.push()
    tip = edited.git("rev-parse", "kaggle/case")
    edited.edit("SECOND = 2\n", "SECOND = 20\n")
    with pytest.raises(
        KernelgenError, match=r"branch kaggle/case holds commits that are not in .*git merge kaggle/case"
    ):
        edited.pull()
    assert edited.git("rev-parse", "kaggle/case") == tip


def test_a_branch_that_is_checked_out_is_left_alone(edited):
    edited.pull()
    edited.git("switch", "-q", "kaggle/case")
    edited.edit("SECOND = 2\n", "SECOND = 20\n")
    before = state(edited)
    with pytest.raises(KernelgenError, match="^branch kaggle/case cannot be written: .*; mend that, and pull again$"):
        edited.pull()
    assert state(edited) == before


def test_a_branch_of_the_name_kaggle_is_in_the_way_in_one_line(edited):
    edited.git("branch", "kaggle")
    with pytest.raises(KernelgenError, match="^branch kaggle/case cannot be written: .*; mend that, and pull again$"):
        edited.pull()


def test_the_owner_on_kaggle_is_the_author_also_where_git_knows_none(edited, monkeypatch, tmp_path):
    edited.git("config", "user.useConfigOnly", "true")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    edited.pull()
    assert edited.git("log", "-1", "--format=%an", "kaggle/case") == "someone"


def test_a_commit_that_is_not_here_is_one_line(edited):
    edited.push(commit="0123456789ab")
    with pytest.raises(
        KernelgenError, match="^commit 0123456789ab, .*, is not in this repository; get it with git fetch"
    ):
        edited.pull()
    assert edited.branches == ["main"]


def test_a_tag_names_a_commit_and_an_option_does_not(place):
    place.git("tag", "v1.0")
    for commit in ("@{u}", "--output=/tmp/x"):
        place.push(commit=commit)
        with pytest.raises(KernelgenError, match=re.escape(f"commit {commit}, ")):
            place.pull()
    place.push(commit="v1.0")
    place.edit("FIRST = 1\n", "FIRST = 10\n")
    place.pull()
    assert place.git("rev-parse", "kaggle/case^") == place.git("rev-parse", "v1.0")


def test_changes_that_were_in_no_commit_are_part_of_the_difference_and_that_is_said(place):
    head = place.git("rev-parse", "--short=12", "HEAD")
    place.write("pk/words.py", place.read("pk/words.py") + b"MORE = 8\n")
    place.push(commit=head + "+changes")
    place.edit("def hear(", "def hear(first, ")
    pulled = place.pull()
    assert f"note: it was built from {head} with changes of no commit" in pulled.report
    assert place.pulled() == ["pk/hear.py", "pk/words.py"] and place.pulled("pk/words.py") == place.read("pk/words.py")


def test_what_set_gave_is_known_from_the_notebook(place):
    place.push(overrides=["epochs=5"])
    assert "nothing was edited" in place.pull(place.saved(), overrides=["epochs=5"]).report
    assert "nothing was edited" in place.pull(place.saved()).report
    pulled = place.pull(place.saved(), overrides=["epochs=3"])
    assert not pulled.is_complete and "-EPOCHS = 3\n+EPOCHS = 5" in pulled.report and place.branches == ["main"]


def test_the_notebooks_metadata_says_what_built_it(place):
    head = place.git("rev-parse", "--short=12", "HEAD")
    place.push(overrides=["epochs=5"], resumed=True)
    place.cells[0]["source"] = "# A case"
    notes = {"commit": head, "library": "pk", "kernel": "case", "set": ["epochs=5"], "resumed": True}
    place.notebook["metadata"]["kernelgen"] = notes
    pulled = place.pull()
    assert pulled.report.startswith("pk-case: was edited on Kaggle (compared with commit ")
    assert "EPOCHS" not in pulled.report and f"(compared with commit {head})" in pulled.report
    place.notebook["metadata"]["kernelgen"] = notes | {"kernel": "other"}
    with pytest.raises(KernelgenError, match="was built as kernel other of the library pk, not as case"):
        place.pull()
    for odd in ("text", {"commit": 3}, None):
        place.notebook["metadata"]["kernelgen"] = odd
        assert "it does not say which commit built it" in place.pull().report


def test_whether_it_was_built_to_go_on_is_told_by_the_notebook(place):
    place.push(resumed=True)
    assert "nothing was edited" in place.pull().report


def test_line_ends_are_stored_as_git_stores_them(place):
    place.write(".gitattributes", "pk/words.py export-subst\npk/windows.py -text\npk/lines.py eol=crlf\n")
    place.write("pk/lines.py", b"X = 1\r\n")
    place.write("pk/hear.py", place.read("pk/hear.py").replace(b"odd, ", b"lines, odd, "))
    place.commit()
    place.push()
    assert "nothing was edited" in place.pull().report
    place.edit("pk/lines.py\nX = 1", "pk/lines.py\nX = 2")
    place.pull()
    assert place.pulled() == ["pk/lines.py"] and place.pulled("pk/lines.py") == b"X = 2\n"


def test_a_project_in_a_folder_of_its_repository_and_git_called_from_a_hook(place, monkeypatch):
    inner = place.root
    shutil.rmtree(inner / ".git")
    place.root = inner.parent
    place.write(".gitignore", "home*\nout\n")
    place.commit()
    place.root = inner
    place.push()
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    place.edit("FIRST = 1\n", "FIRST = 10\n")
    place.pull()
    assert place.pulled() == ["project/pk/words.py"]


def test_outside_git_the_files_are_written_beside_and_not_over(edited, tmp_path):
    shutil.rmtree(edited.root / ".git")
    edited.push()
    edited.edit("FIRST = 1\n", "FIRST = 10\n")
    edited.edit("range(3)", "range(4)")
    before = edited.files()
    pulled = edited.pull()
    assert "compared with a fresh build (it was built outside git)" in pulled.report
    assert edited.files() == before
    beside = edited.out / "case/pulled"
    assert (beside / "pk/words.py").read_bytes() == before["pk/words.py"].replace(b"FIRST = 1\n", b"FIRST = 10\n")
    assert "+for number in range(4):" in (beside / "cells.diff").read_text() and not pulled.is_complete
    assert str(beside) in pulled.report


def test_a_commit_that_cannot_be_built_any_more_still_gives_its_files(place):
    place.write("kernel_templates/case.py.j2", place.read("kernel_templates/case.py.j2") + b"\n# %%\nundefined_name\n")
    place.commit()
    commit = place.git("rev-parse", "--short=12", "HEAD")
    place.git("checkout", "-q", "HEAD~1", "--", ".")
    place.push(commit=commit)
    place.edit("FIRST = 1\n", "FIRST = 10\n")
    pulled = place.pull()
    assert f"note: {commit} cannot be built again (kernel_templates/case.py.j2:" in pulled.report
    assert "so only library files are compared" in pulled.report
    assert place.git("diff", "--name-only", commit, "kaggle/case") == "pk/words.py"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: "print('a script')\n", "is no notebook of format 4"),
        (lambda text: "[" * 100_000, "is no notebook of format 4"),
        (lambda text: '{"cells": [1]}', "is no notebook of format 4"),
        (lambda text: '{"cells": [{"cell_type": "code", "source": [1]}]}', "is no notebook of format 4"),
        (lambda text: '{"worksheets": []}', "is no notebook of format 4"),
        (lambda text: text.replace('"kernel": "case"', '"kernel": "other"'), "was built as kernel other of the library pk, not as case"),
        (lambda text: text.replace('"library": "pk"', '"library": "kp"'), "kernel case of the library kp, not as case of pk"),
    ],
)  # fmt: skip
def test_what_is_no_notebook_of_ours_is_refused_in_one_line(place, change, problem):
    with pytest.raises(KernelgenError) as caught:
        place.pull(change(place.saved()))
    assert problem in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith("pk-case on Kaggle: ")


def test_no_temporary_file_is_left(edited, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    edited.pull()
    assert os.listdir(temporary) == []
