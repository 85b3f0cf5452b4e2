"""--pull shows what was edited in a kernel on Kaggle, --apply brings the library's part of it home."""

ME = "tester"
TRAIN = f"{ME}/pk-train"


def edit_library(notebook):
    (cell,) = [one for one in notebook["cells"] if "def work" in "".join(one["source"])]
    cell["source"] = "".join(cell["source"]).replace("return extra", "return [extra]")
    return notebook


def test_an_unedited_kernel_is_clean(command, kaggle_server):
    assert command("--target", "train", "--push").code == 0
    done = command("--target", "train", "--pull")
    assert done.code == 0, done.err
    assert "return" not in done.out


def test_an_edited_library_cell_is_shown_as_its_file_and_applied(command, kaggle_server, project):
    assert command("--target", "train", "--push").code == 0
    kaggle_server.edit_kernel(TRAIN, edit_library, sources="lists", ids="new")
    before = (project / "pk/__init__.py").read_text()
    done = command("--target", "train", "--pull")
    assert done.code == 0, done.err
    assert "pk/__init__.py" in done.out and "+    return [extra]" in done.out
    assert (project / "pk/__init__.py").read_text() == before
    assert command("--target", "train", "--pull", "--apply").code == 0
    assert (project / "pk/__init__.py").read_text() == before.replace("return extra", "return [extra]")


def test_a_local_edit_of_the_same_line_is_a_conflict_and_stays(command, kaggle_server, project):
    assert command("--target", "train", "--push").code == 0
    kaggle_server.edit_kernel(TRAIN, edit_library)
    mine = "def work(extra):\n    return (extra,)\n"
    (project / "pk/__init__.py").write_text(mine)
    done = command("--target", "train", "--pull", "--apply")
    assert done.code == 1
    assert "conflict" in done.out
    assert (project / "pk/__init__.py").read_text() == mine


def test_a_kernel_that_is_not_there_is_one_line(command, kaggle_server):
    done = command("--target", "train", "--pull")
    assert done.code == 1 and done.errors == ["kernel tester/pk-train: is not on Kaggle; push it first"]


def test_options_that_need_another_one_say_so(command):
    for asked, words in (
        (("--apply",), "--apply: only together with --pull"),
        (("--dry-run",), "--dry-run: only together with --push"),
        (("--run", "--push"), "--run and --push: give them in two calls"),
        (("--pull", "--push"), "--pull and --push: give them in two calls"),
    ):
        done = command("--target", "train", *asked)
        assert done.code == 1 and done.errors[0].startswith(words)
