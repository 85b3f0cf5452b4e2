"""`extends` and `each` keep a recipe of many kernels short."""

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.recipe import load_project

TEMPLATES = {
    "kernel_templates/train.py.j2": "SEED = {{ seed | literal }}\nEPOCHS = {{ epochs | literal }}\n"
    "RATE = {{ rate | literal }}\nDATA = {{ sources.data | literal }}\n",
    "kernel_templates/student.py.j2": "SEED = {{ seed | literal }}\nTEACHER = {{ sources.teacher | literal }}\n",
}
RECIPE = """
library = "pk"
[settings]
epochs = 200
rate = 1e-3
[kernels.train]
template = "train"
title = "My training {seed} {fold}"
gpu = true
each = {seed = [1, 2], fold = ["a"]}
sources = {data = "competition:birdclef-2023"}
[kernels.demo]
extends = "train"
each = {seed = [7]}
gpu = false
settings = {epochs = 2}
[kernels.student]
template = "student"
each = {seed = [1, 2]}
sources = {teacher = "kernel:train-seed{seed}-folda"}
"""


@pytest.fixture
def project(write_project):
    return load_project(write_project(RECIPE, files=TEMPLATES))


def test_each_makes_a_kernel_of_every_combination_in_order(project):
    assert list(project.kernels) == [
        "train-seed1-folda", "train-seed2-folda", "demo-seed7", "student-seed1", "student-seed2"
    ]  # fmt: skip
    assert [kernel.settings.get("seed") for kernel in project.kernels.values()] == [1, 2, 7, 1, 2]


def test_titles_and_sources_are_filled_from_each(project):
    assert project.kernels["train-seed2-folda"].title == "My training 2 a"
    teacher = project.kernels["student-seed2"].sources["teacher"]
    assert (teacher.kernel, teacher.literal) == ("train-seed2-folda", "kernel:my-training-2-a")


def test_what_extends_inherits_everything_but_the_title(project):
    demo, train = project.kernels["demo-seed7"], project.kernels["train-seed1-folda"]
    assert demo.settings == {"seed": 7, "epochs": 2, "rate": 1e-3}
    assert train.settings == {"seed": 1, "epochs": 200, "rate": 1e-3}
    assert demo.sources == train.sources and demo.template == train.template
    assert (train.gpu, demo.gpu) == (True, False)
    assert demo.title == "pk demo-seed7"


def test_a_kernel_that_extends_a_family_is_a_family(write_project):
    recipe = RECIPE.replace("each = {seed = [7]}\n", "")
    project = load_project(write_project(recipe, files=TEMPLATES))
    assert [kernel.name for kernel in project.select("demo")] == ["demo-seed1-folda", "demo-seed2-folda"]


def test_selection_by_family_glob_list_and_all_is_in_the_order_of_need(project):
    def names(*targets):
        return [target.name for target in project.select(targets)]

    assert names("train") == ["train-seed1-folda", "train-seed2-folda"]
    assert names("student*,train-seed1-folda") == ["train-seed1-folda", "student-seed1", "student-seed2"]
    assert names("student-seed2", "demo") == ["demo-seed7", "student-seed2"]
    assert names("all") == list(project.kernels)


def test_needed_kernels_come_first_whatever_the_recipe_s_order(write_project):
    head, student = RECIPE.split("[kernels.student]")
    first, rest = head.split("[kernels.train]")
    recipe = f"{first}[kernels.student]{student}[kernels.train]{rest}"
    project = load_project(write_project(recipe, files=TEMPLATES))
    assert [target.name for target in project.select("all")] == [
        "train-seed1-folda", "student-seed1", "train-seed2-folda", "student-seed2", "demo-seed7"
    ]  # fmt: skip


def test_a_target_that_matches_nothing_names_what_is_near(project):
    with pytest.raises(KernelgenError, match=r"--target tran: no kernel or dataset of that name .*train"):
        project.select("tran")


def test_a_long_name_gets_a_title_that_kaggle_takes(write_project):
    names = ["a" * 60 + "x", "a" * 60 + "y"]
    recipe = 'library = "pk"\n' + "".join(f'[kernels.{name}]\ntemplate = "case"\n' for name in names)
    kernels = load_project(write_project(recipe)).kernels
    assert all(len(kernel.title) <= 50 for kernel in kernels.values())
    assert len({kernel.slug for kernel in kernels.values()}) == 2
