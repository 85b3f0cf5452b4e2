"""What a name under `sources` may stand for: one source, a list of them, none, the kernel's own earlier output."""

import json
import re

import pytest

from kernelgen.building import build_kernel
from kernelgen.errors import KernelgenError
from kernelgen.recipe import load_project
from kernelgen.recipe.kernel import Kernel, order_of_need

FILES = {
    "kernel_templates/train.py.j2": "SEED = {{ seed | literal }}\nEARLIER = {{ sources.earlier | literal }}\n"
    "TEACHER = {{ sources.teacher | literal }}\n# {{ provenance() }}\n",
    "kernel_templates/export.py.j2": "CHECKPOINTS = {{ sources.checkpoints | literal }}\n",
    "datasets/the-words/dataset.toml": 'title = "The words"\nlicense = "other"\n',
}
RECIPE = """
library = "pk"
[kernels.train]
template = "train"
settings = {seed = 1}
sources = {earlier = "kernel:{self}", teacher = ""}
[kernels.student]
extends = "train"
each = {seed = [1, 2]}
sources = {teacher = "kernel:train"}
[kernels.export]
template = "export"
sources = {checkpoints = CHECKPOINTS}
[kernels.train-export]
template = "export"
sources = {checkpoints = ["kernel:train*"]}
"""


@pytest.fixture
def project(write_project):
    def project(checkpoints='["kernel:train", "kernel:student"]', recipe=RECIPE):
        return load_project(write_project(recipe.replace("CHECKPOINTS", checkpoints), files=FILES))

    return project


def code(project, kernel: str | Kernel) -> str:
    kernel = project.kernels[kernel] if isinstance(kernel, str) else kernel
    return build_kernel(project, kernel, commit="c").notebook.cells[0].source


def problem(project, *arguments, **keywords) -> str:
    with pytest.raises(KernelgenError) as error:
        project(*arguments, **keywords)
    return str(error.value)


def test_an_empty_text_says_that_there_is_none(project):
    found = project()
    assert "TEACHER = None" in code(found, "train")
    assert 'TEACHER = "kernel:pk-train"' in code(found, "student-seed1")


def test_an_inherited_source_can_be_removed(project):
    recipe = RECIPE + '[kernels.alone]\nextends = "student"\nsources = {teacher = ""}\n'
    found = project(recipe=recipe)
    assert "TEACHER = None" in code(found, "alone-seed2")
    assert found.kernels["alone-seed2"].needs == [] and found.kernels["student-seed2"].needs == ["train"]


@pytest.mark.parametrize(
    ("checkpoints", "expected"),
    [
        ('["kernel:train", "kernel:student"]', ["train", "student-seed1", "student-seed2"]),
        ('["kernel:student-*"]', ["student-seed1", "student-seed2"]),
        ('["kernel:stud?nt"]', ["student-seed1", "student-seed2"]),
        ('["kernel:student-seed2", "kernel:[st]*"]', ["student-seed2", "train", "student-seed1", "train-export"]),
        ('["kernel:train"]', ["train"]),
        ("[]", []),
    ],
)
def test_a_list_holds_kernels_families_and_globs_each_kernel_once(project, checkpoints, expected):
    found = project(checkpoints)
    kernel = found.kernels["export"]
    literals = [f"kernel:pk-{name}" for name in expected]
    built = build_kernel(found, kernel, commit="c")
    namespace = {}
    exec(built.notebook.cells[0].source, namespace)
    assert namespace["CHECKPOINTS"] == literals
    assert kernel.needs == sorted(expected)
    identities = sorted(f"INSERT_OWNER_HERE/pk-{name}" for name in expected)
    assert built.metadata["kernel_sources"] == identities
    order = order_of_need(found.kernels)
    assert all(order.index(name) < order.index("export") for name in expected)


def test_a_list_may_hold_other_kinds_of_sources(project):
    found = project('["dataset:the-words", "dataset:ann/more/3", "kernel:train"]')
    assert 'CHECKPOINTS = ["dataset:the-words", "dataset:more", "kernel:pk-train"]' in code(found, "export")
    metadata = build_kernel(found, found.kernels["export"], commit="c").metadata
    assert metadata["dataset_sources"] == ["INSERT_OWNER_HERE/the-words", "ann/more/3"]


def test_a_glob_never_means_the_kernel_itself(project):
    assert project().kernels["train-export"].needs == ["train"]


@pytest.mark.parametrize(
    ("checkpoints", "said"),
    [
        ('["kernel:sudent"]', "'kernel:sudent' is no source (did you mean kernel:student-seed"),
        ('["kernel:x-*"]', "'kernel:x-*' is no source"),
        ('["kernel:export"]', "'kernel:export': its own earlier output needs a name of its own, outside the list"),
        ('"kernel:student"', "write kernel:NAME (in a list also a family or a glob)"),
        ('"kernel:student-*"', "'kernel:student-*' is no source"),
        ('["kernel:train", 3]', "checkpoints: expected a string, found the number 3"),
        ('["kernel:train", ""]', "checkpoints: string should have at least 1 character, found the string ''"),
        ("3", "checkpoints: expected a string, found the number 3"),
        ('["dataset:ann/a", "dataset:bob/a"]', "would be mounted at the same place; rename one of them"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_read_is_one_line(project, checkpoints, said):
    text = problem(project, checkpoints)
    assert said in text and "\n" not in text
    assert text.startswith("kernel_templates/kernels.toml: [kernels.export.sources] ")


def test_its_own_earlier_output_is_attached_only_where_it_is_resumed(project):
    from dataclasses import replace

    found = project()
    kernel = found.kernels["student-seed2"]
    assert kernel.earlier.kernel == "student-seed2" and kernel.needs == ["train"]
    text = code(found, kernel)
    assert "EARLIER = None" in text and "--resume" in text
    assert build_kernel(found, kernel, commit="c").metadata["kernel_sources"] == ["INSERT_OWNER_HERE/pk-train"]

    resumed = replace(kernel, resumed=True)
    text = code(found, resumed)
    assert 'EARLIER = "kernel:pk-student-seed2"' in text and "--resume" not in text
    metadata = build_kernel(found, resumed, commit="c").metadata
    assert metadata["kernel_sources"] == ["INSERT_OWNER_HERE/pk-student-seed2", "INSERT_OWNER_HERE/pk-train"]
    json.dumps(metadata)


def test_a_kernel_may_name_itself_without_the_placeholder(project):
    recipe = RECIPE.replace('earlier = "kernel:{self}"', 'earlier = "kernel:train"', 1)
    found = project(recipe=recipe)
    assert found.kernels["train"].earlier and found.kernels["train"].needs == []
    # What extends it inherits the words: to it they name another kernel.
    assert found.kernels["student-seed1"].earlier is None and found.kernels["student-seed1"].needs == ["train"]


def test_a_circle_over_several_kernels_is_still_refused(project):
    recipe = RECIPE.replace('teacher = ""', 'teacher = "kernel:export"')
    circle = r"kernels feed on each other: train -> export -> (student-seed1 -> )?train; break the circle"
    assert re.search(circle, problem(project, recipe=recipe))


# ---------------------------------------------------------------- agrees

AGREES = """
library = "pk"
[kernels.train]
template = "fold"
settings = {folds = TEACHERS, n_folds = 5}
sources = {teacher = ""}
[kernels.student]
template = "fold"
settings = {folds = STUDENTS, n_folds = 5}
sources = {teacher = "kernel:train"}
agrees = {teacher = ["folds", "n_folds"]}
"""
FOLD = {
    "kernel_templates/fold.py.j2": "FOLDS = {{ folds | literal }}\nN = {{ n_folds | literal }}\n"
    "TEACHER = {{ sources.teacher | literal }}\n"
}


@pytest.fixture
def pair(write_project):
    def pair(teachers, students, *overrides, recipe=AGREES, target="student"):
        recipe = recipe.replace("TEACHERS", teachers).replace("STUDENTS", students)
        return load_project(write_project(recipe, files=FOLD), overrides).select(target)

    return pair


@pytest.mark.parametrize("students", ["[0, 1, 'full']", "[1]", "['full', 0]", "[]"])
def test_a_part_of_the_other_kernels_list_agrees(pair, students):
    assert pair("[0, 1, 'full']", students)


def test_a_setting_that_does_not_fit_the_other_kernel_s_is_refused_in_one_line(pair):
    assert problem(pair, "[0, 1]", "[0, 4]") == (
        "kernel_templates/kernels.toml: [kernels.student.agrees] teacher: kernel student has folds = [0, 4], but "
        "kernel train has [0, 1]; give both what fits (with --set, name both in --target)"
    )
    recipe = AGREES.replace("n_folds = 5", "n_folds = 4", 1)
    said = problem(pair, "[0]", "[0]", recipe=recipe)
    assert "n_folds = 5, but kernel train has 4; give both what fits (with --set, name both in --target)" in said


@pytest.mark.parametrize(("teachers", "students"), [("[0, 1]", "[false]"), ("[0, 1]", "0"), ("1", "true")])
def test_what_python_calls_equal_need_not_agree(pair, teachers, students):
    assert "agrees" in problem(pair, teachers, students)


def test_set_is_checked_for_what_is_built(pair):
    assert pair("[0, 1]", "[0]", "folds=[3]", target="train,student")  # it replaces the setting of both kernels
    # A teacher that is not built now was built as the recipe says: a student of another fold would be told too much.
    assert "folds = [3], but kernel train has [0, 1]" in problem(pair, "[0, 1]", "[0]", "folds=[3]")
    assert pair("[0, 1]", "[0]", "folds=[1]")
    # A list of numbers takes no text, so this fits the student alone.
    assert "folds = ['full'], but kernel train has [0]" in problem(pair, "[0]", "[]", "folds=['full']")


def test_a_setting_that_the_other_kernel_lacks_cannot_agree(write_project):
    recipe = AGREES.replace('["folds", "n_folds"]', '["rate"]').replace("TEACHERS", "[0]")
    recipe = recipe.replace(
        'template = "fold"\nsettings = {folds = STUDENTS,', 'template = "rate"\nsettings = {rate = 1,'
    )
    recipe = recipe.replace("rate = 1, n_folds = 5", "rate = 1, n_folds = 5, folds = [0]")
    files = FOLD | {"kernel_templates/rate.py.j2": FOLD["kernel_templates/fold.py.j2"] + "R = {{ rate | literal }}\n"}
    said = problem(load_project, write_project(recipe, files=files))
    assert "kernel student has rate = 1, but kernel train has None" in said


def test_one_of_several_teachers_has_to_have_each_item_and_all_the_same_scalar(pair):
    recipe = AGREES.replace('teacher = "kernel:train"', 'teacher = ["kernel:train", "kernel:more"]')
    recipe += '[kernels.more]\nextends = "train"\nsettings = {folds = [2]}\n'
    assert pair("[0, 1]", "[1, 2]", recipe=recipe)
    assert "folds = [3], but kernel train has [0, 1] and kernel more has [2]" in problem(
        pair, "[0, 1]", "[3]", recipe=recipe
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "{teacher = [",
            "{techer = [",
            "[kernels.student] sources.techer: kernel_templates/fold.py.j2 does not name it (did you mean sources.teacher?)",
        ),
        (
            '["folds", ',
            '["fold", ',
            "[kernels.student] fold: kernel_templates/fold.py.j2 does not name it (did you mean folds",
        ),
        ('["folds", "n_folds"]', "[]", "[kernels.student.agrees] teacher: nothing stands in it; write at least one"),
        (
            '["folds", "n_folds"]',
            '"folds"',
            "[kernels.student.agrees] teacher: expected a list, found the string 'folds'",
        ),
    ],
)
def test_an_agreement_that_names_nothing_is_told(pair, old, new, said):
    assert said in problem(pair, "[0]", "[0]", recipe=AGREES.replace(old, new))


def test_without_a_teacher_there_is_nothing_to_agree_with(pair):
    assert pair("[0]", "[4]", recipe=AGREES.replace('teacher = "kernel:train"', 'teacher = ""'))
    assert pair("[0]", "[4]", recipe=AGREES.replace('teacher = "kernel:train"', 'teacher = "dataset:ann/teachers"'))
