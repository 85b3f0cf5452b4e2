"""Edits of a template's cells come home where that is certain, and are left to a person elsewhere."""

import pytest

from kernelgen.recipe import load_project

TEMPLATE = "kernel_templates/case.py.j2"


def template(place):
    return place.pulled(TEMPLATE).decode()


def left(place):
    return (place.out / "case/pulled/cells.diff").read_text()


@pytest.fixture
def build_of_the_branch(place):
    """Merges the branch, builds anew, and returns the text of the cells."""

    def build():
        place.git("merge", "-q", "kaggle/case")
        load_project(place.root)
        place.push()
        return [
            (cell["cell_type"], cell["source"].rstrip()) for cell in place.cells if "Built from" not in cell["source"]
        ]

    return build


def test_a_changed_cell_changes_its_lines_and_no_other(place, build_of_the_branch):
    place.edit("range(3)", "range(4)")
    place.edit("What was heard.", "What was heard,\nand where.")
    before = place.read(TEMPLATE).decode()
    assert place.pull(place.saved(ids=True, windows=True)).is_complete
    assert template(place) == before.replace("range(3)", "range(4)").replace(
        "# What was heard.", "# What was heard,\n# and where."
    )
    assert ("markdown", "## Listening\n\nWhat was heard,\nand where.") in build_of_the_branch()


def test_a_changed_value_is_left_with_its_difference(place):
    place.edit("EPOCHS = 3", "EPOCHS = 4")
    place.edit("range(3)", "range(4)")
    pulled = place.pull(place.saved())
    assert not pulled.is_complete and "2 files" not in pulled.report
    assert "EPOCHS = {{ epochs | literal }}\n" in template(place) and "range(4)" in template(place)
    assert left(place).startswith("left to you (values of the recipe, ") and "# ## Settings\n" in left(place)
    assert "-EPOCHS = 3\n+EPOCHS = 4\n" in left(place) and "range" not in left(place)


def test_a_line_beside_values_can_be_added(place, build_of_the_branch):
    place.edit("EPOCHS = 3\n", "EPOCHS = 3\nMORE = 1\n")
    assert place.pull().is_complete
    assert "EPOCHS = {{ epochs | literal }}\nMORE = 1\nEARLIER = {{" in template(place)


@pytest.mark.parametrize("what", ["new", "removed", "moved", "split"])
def test_cells_that_are_new_removed_moved_or_split_are_left_with_their_difference(place, what):
    cell = place.cell("for number")
    position = place.cells.index(cell)
    if what in ("removed", "moved"):
        place.cells.remove(cell)
    if what == "moved":
        place.cells.insert(place.cells.index(place.cell("## Listening")), cell)
    if what in ("new", "split"):
        place.add("print('after')", position=position + 1)
    if what == "split":
        cell["source"] = cell["source"].replace("range(3)", "range(4)")
    place.edit("FIRST = 1\n", "FIRST = 10\n")
    pulled = place.pull(place.saved())
    assert not pulled.is_complete and place.pulled() == ["pk/words.py"]
    assert "cells that are new, gone or moved" in left(place)
    assert ("-for number" in left(place)) == (what != "new") and ("+print('after')" in left(place)) == (
        what in ("new", "split")
    )


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n# %% not a marker\ny = 2",
        "x = {{ epochs }}",
        "x = {{epochs|literal}}",
        "# !rm -rf keep",
        "# %% [markdown]",
    ],
)
def test_text_that_would_mean_something_else_in_a_template_is_left(place, text):
    place.edit('print("done")', text)
    before = place.read(TEMPLATE)
    pulled = place.pull()
    if pulled.is_complete:  # only where the template gives back the very text
        place.git("merge", "-q", "kaggle/case")
        place.push()
        assert place.cells[-1]["source"] == text
    else:
        assert (
            place.branches == ["main"] and f"+{text.splitlines()[0]}" in left(place) and place.read(TEMPLATE) == before
        )


def test_cells_that_the_generator_writes_are_left(place):
    place.edit("### pk.words", "### pk.words of mine")
    place.edit("invalidate_caches()", "invalidate_caches()\nprint(1)")
    place.edit("sys.argv[1:] = []", "sys.argv[1:] = ['x']")
    pulled = place.pull(place.saved())
    assert not pulled.is_complete and place.branches == ["main"]
    for text in ("+# ### pk.words of mine\n", "+print(1)\n", "sys.argv[1:] = ['x']\n"):
        assert text in left(place)


def test_a_setting_that_nothing_names_any_more_is_left(place):
    """The recipe would be refused: a value in it that no template names."""
    place.edit("EPOCHS = 3\n", "")
    place.edit("hear(EPOCHS, EARLIER)", "hear(EARLIER)")
    pulled = place.pull()
    assert not pulled.is_complete and "-EPOCHS = 3" in left(place) and "hear(EARLIER)" in template(place)


def test_a_heading_like_the_generators_is_the_templates(write_project, place):
    place.write(TEMPLATE, place.read(TEMPLATE).replace(b"# ## Listening", b"# ## Library talk"))
    place.commit()
    place.push()
    place.edit("heard = hear", "sound = hear")
    place.edit("print(heard)", "print(sound)")
    assert place.pull(place.saved(ids=True)).is_complete and "sound = hear(EPOCHS" in template(place)


def test_windows_line_ends_of_a_template_stay(place):
    place.write(TEMPLATE, place.read(TEMPLATE).replace(b"\n", b"\r\n"))
    place.commit()
    place.push()
    place.edit("range(3)", "range(4)")
    assert place.pull(place.saved()).is_complete
    assert place.pulled(TEMPLATE) == place.read(TEMPLATE).replace(b"range(3)", b"range(4)")


def test_an_edit_that_is_left_is_not_in_the_commit(place):
    place.edit("range(3)", "range(3)  # {{ nope }}\n    x = {{ nope }}")
    place.edit("FIRST = 1\n", "FIRST = 10\n")
    pulled = place.pull()
    assert place.pulled() == ["pk/words.py"]
    assert not pulled.is_complete and "+    x = {{ nope }}" in left(place)


def test_the_template_is_the_one_that_the_kernel_had_then(place):
    place.git("mv", TEMPLATE, "kernel_templates/other.py.j2")
    place.write(
        "kernel_templates/kernels.toml", place.read("kernel_templates/kernels.toml").replace(b'"case"', b'"other"')
    )
    place.commit()
    place.edit("range(3)", "range(4)")
    assert place.pull().is_complete
    assert place.git("diff", "--name-only", "kaggle/case^", "kaggle/case") == TEMPLATE
