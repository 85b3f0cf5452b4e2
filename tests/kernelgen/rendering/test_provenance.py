"""What a notebook says of the commit that it was built from."""

import subprocess

import pytest

from kernelgen.building.provenance import current_commit

RECIPE = 'library = "pk"\n[kernels.case]\ntemplate = "case"\nsettings = { epochs = 3 }\n'


def git(folder, *arguments):
    done = subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def committed(write_project):
    """A project in a repository of its own, with everything committed."""
    root = write_project(files={".gitignore": "__pycache__/\nbuild/\npk/own.py\n*.log\n"})
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    return root


def test_a_clean_folder_is_named_by_its_commit(committed):
    for name in ("build/case.ipynb", "pk/__pycache__/a.pyc", "pk/run.log", "notes.txt", "draft.py"):
        (committed / name).parent.mkdir(exist_ok=True)
        (committed / name).write_text("x = 1\n")
    assert current_commit(committed) == git(committed, "rev-parse", "--short=12", "HEAD")


@pytest.mark.parametrize(
    "name", ["pk/fresh.py", "pk/sub/fresh.py", "pk/table.csv", "pk/own.py", "pk/ü.py", "kernel_templates/new.py.j2"]
)
def test_a_file_that_no_commit_holds_is_a_change(committed, name):
    (committed / name).parent.mkdir(exist_ok=True)
    (committed / name).write_text("x = 1\n")
    assert current_commit(committed) == git(committed, "rev-parse", "--short=12", "HEAD") + "+changes"


def test_a_library_that_a_link_leads_to_is_in_no_commit(committed, tmp_path):
    (committed / "pk").rename(tmp_path / "elsewhere")
    (committed / "pk").symlink_to(tmp_path / "elsewhere")
    git(committed, "add", "-A")
    git(committed, "commit", "-qm", "linked")
    assert current_commit(committed).endswith("+changes")


SHIPPING = 'library = "pk"\n[kernels.case]\ntemplate = "case"\nfiles = ["pk/t.csv", "tables"]\n'


@pytest.mark.parametrize("name", ["pk/t.csv", "tables/deep/t.csv"])
@pytest.mark.parametrize("why", ["ignored", "untracked", "changed", "linked"])
def test_a_shipped_file_that_no_commit_holds_is_a_change(write_project, tmp_path, name, why):
    root = write_project(SHIPPING, files={"pk/t.csv": "1\n", "tables/deep/t.csv": "1\n"})
    far = tmp_path / "far.csv"
    far.write_text("1\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    if why in {"ignored", "untracked"}:
        git(root, "rm", "-q", "--cached", name)
        (root / ".gitignore").write_text("*.csv\n" if why == "ignored" else "")
    if why == "linked":
        (root / name).unlink()
        (root / name).symlink_to(far)
    git(root, "add", "-u")
    git(root, "commit", "-qm", "first")
    if why == "changed":
        (root / name).write_text("2\n")
    assert current_commit(root) == git(root, "rev-parse", "--short=12", "HEAD") + "+changes"


def test_shipped_files_that_the_commit_holds_are_none(write_project):
    root = write_project(SHIPPING, files={"pk/t.csv": "1\n", "tables/deep/t.csv": "1\n", ".gitignore": "*.csv\n"})
    git(root, "init", "-q")
    git(root, "add", "-f", ".")
    git(root, "commit", "-qm", "first")
    assert not current_commit(root).endswith("+changes")


def test_a_submodule_in_the_library_is_a_change_only_where_it_changed(committed, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/__init__.py").write_text("x = 1\n")
    git(tmp_path / "sub", "init", "-q")
    git(tmp_path / "sub", "add", ".")
    git(tmp_path / "sub", "commit", "-qm", "sub")
    git(committed, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "sub"), "pk/sub")
    git(committed, "commit", "-qm", "with a submodule")
    assert not current_commit(committed).endswith("+changes")
    (committed / "pk/sub/fresh.py").write_text("x = 1\n")
    assert current_commit(committed).endswith("+changes")
    (committed / "pk/sub/fresh.py").unlink()
    (committed / "pk/sub/__init__.py").write_text("x = 2\n")
    assert current_commit(committed).endswith("+changes")


@pytest.mark.parametrize("place", ["project/src/pk", "shared/pk"])
def test_a_library_that_a_link_within_the_repository_leads_to_is_a_change_only_where_it_changed(
    write_project, tmp_path, place
):
    root, target = write_project(), tmp_path / place
    target.parent.mkdir()
    (root / "pk").rename(target)
    (root / "pk").symlink_to(target)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "linked")
    assert not current_commit(root).endswith("+changes")
    (target / "__init__.py").write_text("x = 2\n")
    assert current_commit(root).endswith("+changes")
    git(tmp_path, "checkout", "-q", ".")
    (target / "fresh.py").write_text("x = 2\n")
    assert current_commit(root).endswith("+changes")


def test_links_that_lead_nowhere_are_no_change(committed):
    (committed / "pk/round.py").symlink_to("round.py")
    (committed / "pk/gone.py").symlink_to("/nowhere/gone.py")
    git(committed, "add", ".")
    git(committed, "commit", "-qm", "links")
    assert not current_commit(committed).endswith("+changes")


@pytest.mark.parametrize("name", ["pk/__init__.py", "kernel_templates/kernels.toml"])
def test_a_changed_and_a_removed_file_are_changes(committed, name):
    (committed / name).write_text((committed / name).read_text() + "# more\n")
    assert current_commit(committed).endswith("+changes")
    git(committed, "checkout", "-q", ".")
    (committed / "pk/__init__.py").unlink()
    assert current_commit(committed).endswith("+changes")


@pytest.mark.parametrize("is_ignored", [False, True])
def test_a_repository_around_the_folder_that_does_not_hold_it_is_not_named(write_project, tmp_path, is_ignored):
    root = write_project()
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("project/\n" if is_ignored else "")
    git(tmp_path, "add", ".gitignore")
    git(tmp_path, "commit", "-qm", "outer")
    assert current_commit(root) == "no-commit"


def test_a_folder_of_a_larger_repository_is_named_and_only_its_own_changes_count(write_project, tmp_path):
    root = write_project()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a.py").write_text("x = 1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "all")
    (tmp_path / "other/a.py").write_text("x = 2\n")
    (tmp_path / "other/pk").mkdir()
    (tmp_path / "other/pk/b.py").write_text("x = 2\n")
    assert current_commit(root) == git(tmp_path, "rev-parse", "--short=12", "HEAD")
    (root / "pk/fresh.py").write_text("x = 1\n")
    assert current_commit(root).endswith("+changes")


def test_the_notebooks_metadata_says_what_built_it(build):
    built = build(RECIPE, "E = {{ epochs | literal }}\n", overrides=["epochs=5"])
    assert built.notebook.metadata["kernelgen"] == {
        "commit": "abc123",
        "kernel": "case",
        "library": "pk",
        "recipe": "kernel_templates/kernels.toml",
        "resumed": False,
        "set": ["epochs=5"],
        "template": "kernel_templates/case.py.j2",
    }
