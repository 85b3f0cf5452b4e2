"""`--list` stays a table that fits a terminal, however large the families are."""

import pytest

from kernelgen.chaining.listing import WIDTH, folded, listing
from kernelgen.errors import KernelgenError
from kernelgen.recipe import load_project

TEMPLATES = {
    "kernel_templates/train.py.j2": "print({{ seed | literal }}, {{ fold | literal }}, {{ sources.data | literal }})\n",
    "kernel_templates/gather.py.j2": "print({{ sources.all | literal }})\n",
}
RECIPE = """
library = "pk"
[kernels.train]
template = "train"
each = { seed = [1, 2, 3], fold = ["0", "1", "full"] }
sources = { data = "competition:birdclef-2023" }
[kernels.demo]
template = "train"
settings = { seed = 1, fold = "0" }
sources = { data = "competition:birdclef-2023" }
[kernels.gather]
template = "gather"
sources = { all = ["kernel:train", "kernel:demo"] }
"""


@pytest.fixture
def listed(write_project):
    def listed(recipe=RECIPE, names=""):
        return listing(load_project(write_project(recipe, files=TEMPLATES), owner="ann"), names)

    return listed


@pytest.mark.parametrize(
    ("names", "text"),
    [(["alone-7"], "alone-7"), (["a-seed1", "a-seed2"], "a-seed* (2)"), (["a-rx", "a-rx-time"], "a-rx* (2)")],
)
def test_names_that_differ_in_little_are_written_as_one_glob(names, text):
    assert folded(names) == text


def test_a_family_is_one_row_and_one_need_of_those_that_read_it(listed):
    lines = listed().splitlines()
    rows = {line.split("  ")[0]: line.split() for line in lines}
    assert [line.split("  ")[0] for line in lines[1:4]] == ["train-seed* (9)", "demo", "gather"]
    assert rows["gather"][1:] == ["gather", "kernel:train-seed*", "(9),", "kernel:demo"]


def test_members_that_need_different_things_keep_their_rows(listed):
    each = (
        RECIPE
        + """
[kernels.after]
extends = "train"
each = { seed = [1, 2], fold = ["0"] }
sources = { data = "kernel:train-seed{seed}-fold{fold}" }
"""
    )
    rows = [line.split() for line in listed(each).splitlines()]
    assert ["after-seed1-fold0", "train", "kernel:train-seed1-fold0"] in rows
    assert ["after-seed2-fold0", "train", "kernel:train-seed2-fold0"] in rows


def test_long_lists_go_on_below_and_lose_nothing(listed):
    names = [f"a-{'long-' * 5}{letter}" for letter in "abcdefgh"]
    more = "".join(f'[kernels.{name}]\nextends = "demo"\n' for name in names)
    many = ", ".join(f'"kernel:{name}"' for name in names)
    text = listed(f'{RECIPE}{more}[kernels.last]\ntemplate = "gather"\nsources = {{ all = [{many}] }}\n')
    lines = text.split("\n\n")[0].splitlines()
    assert max(map(len, lines)) <= WIDTH
    start = next(number for number, line in enumerate(lines) if line.startswith("last"))
    assert len(lines) > start + 1 and all(line.startswith(" ") for line in lines[start + 1 :])
    needs = " ".join(line.removeprefix("last").strip().removeprefix("gather").strip() for line in lines[start:])
    assert needs == ", ".join(f"kernel:{name}" for name in names)


def test_examples_are_listed_on_request(listed):
    recipe = RECIPE.replace('library = "pk"', 'library = "pk"\nexamples = ["demo*"]')
    first = [line.split()[0] for line in listed(recipe).splitlines() if line]
    assert "demo" not in first and "gather" in first
    assert listed(recipe).endswith("1 more on little data (demo*): --list all shows them too.")
    assert listed(recipe, "all") == listed()
    rows = [line.split("  ")[0] for line in listed(recipe, "demo,train-seed1-*").splitlines()[1:] if line]
    assert rows[:2] == ["train-seed1-fold* (3)", "demo"] and "gather" not in rows
    with pytest.raises(KernelgenError, match="--list dmo: no kernel or dataset of that name .did you mean demo"):
        listed(recipe, "dmo")
