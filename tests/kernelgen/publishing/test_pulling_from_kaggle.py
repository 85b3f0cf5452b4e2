"""--diff shows what was edited in a kernel on Kaggle, --pull commits it to a branch for git merge."""

import subprocess
from types import SimpleNamespace

import pytest

import build_kernels

ME = "tester"
TRAIN = f"{ME}/pk-train"


def edit_library(notebook):
    (cell,) = [cell for cell in notebook["cells"] if "def work" in "".join(cell["source"])]
    cell["source"] = "".join(cell["source"]).replace("return extra", "return [extra]")
    return notebook


@pytest.fixture
def git(project):
    """Runs git in the project, which is a repository with one commit."""

    def git(*arguments):
        who = ["-c", "user.name=x", "-c", "user.email=x@y", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *who, "-C", str(project), *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    template = project / "kernel_templates/train.py.j2"
    template.write_text("# %% [markdown]\n# {{ provenance() }}\n\n" + template.read_text())
    (project / ".gitignore").write_text("build/\n.cache/\ndataset-metadata.json\n")
    git("init", "-q", "-b", "main", ".")
    git("add", "-A")
    git("commit", "-q", "-m", "First")
    return git


@pytest.fixture
def pushed(project, git, kaggle_in_process, quick, capsys):
    """The command line, after the kernel was pushed from that commit."""

    def command(*arguments):
        capsys.readouterr()
        code = build_kernels.main([*arguments, "--project", str(project)])
        said = capsys.readouterr()
        return SimpleNamespace(code=code, out=said.out, err=said.err)

    assert command("--target", "train", "--push").code == 0
    return command


def test_an_unedited_kernel_is_unedited(pushed, git):
    done = pushed("--target", "train", "--pull")
    assert done.code == 0, done.err
    assert done.out.startswith("pk-train: nothing was edited on Kaggle")
    assert git("branch", "--list", "kaggle/*") == ""


def test_an_edited_library_cell_is_shown_as_its_file_and_merged_with_git(pushed, kaggle_server, project, git):
    kaggle_server.edit_kernel(TRAIN, edit_library, sources="lists", ids="new")
    before = (project / "pk/__init__.py").read_text()
    shown = pushed("--target", "train", "--diff")
    assert shown.code == 0 and "+    return [extra]" in shown.out and git("branch", "--list", "kaggle/*") == ""
    done = pushed("--target", "train", "--pull")
    assert done.code == 0, done.err
    assert "+++ b/pk/__init__.py" in done.out and "git merge kaggle/train" in done.out
    assert (project / "pk/__init__.py").read_text() == before
    git("merge", "-q", "kaggle/train")
    assert (project / "pk/__init__.py").read_text() == before.replace("return extra", "return [extra]")


def test_what_is_left_to_a_person_ends_with_1_and_is_beside_the_kernel(pushed, kaggle_server, project):
    def edit_settings(notebook):
        (cell,) = [cell for cell in notebook["cells"] if "EXTRA = " in "".join(cell["source"])]
        cell["source"] = "".join(cell["source"]).replace("some-extra", "other-extra")
        return notebook

    kaggle_server.edit_kernel(TRAIN, edit_settings)
    done = pushed("--target", "train", "--pull")
    assert done.code == 1 and "left to you (values of the recipe, " in done.out
    assert "other-extra" in (project / "build/train/pulled/cells.diff").read_text()


def test_a_kernel_that_is_not_there_is_one_line(command, kaggle_server):
    done = command("--target", "train", "--pull")
    assert done.code == 1 and done.errors == ["kernel tester/pk-train: is not on Kaggle; push it first"]
