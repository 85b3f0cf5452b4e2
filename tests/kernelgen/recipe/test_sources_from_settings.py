"""`{setting}` in a source is the value of that setting, also after `--set`."""

import pytest

from kernelgen.chaining.inputs import check_inputs
from kernelgen.chaining.listing import listing
from kernelgen.errors import KernelgenError
from kernelgen.publishing.submitting import competition_of
from kernelgen.recipe import load_project

FILES = {
    "kernel_templates/first.py.j2": "DATA = {{ sources.data | literal }}\nEPOCHS = {{ epochs | literal }}\nSIZES = {{ sizes | literal }}\n",
    "kernel_templates/second.py.j2": "NAME = {{ year | literal }}\nDATA = {{ sources.data | literal }}\n"
    "WEIGHTS = {{ sources.weights | literal }}\n",
}
RECIPE = """
library = "pk"
[settings]
year = "birdclef-2023"
epochs = 0.5
[kernels.second]
template = "second"
sources = {data = ["competition:{year}"], weights = "kernel:first-{which}"}
settings = {which = "a"}
[kernels.first-a]
template = "first"
sources = {data = "competition:{year}"}
settings = {sizes = [1]}
[kernels.first-b]
extends = "first-a"
settings = {year = "birdclef-2024"}
"""


@pytest.fixture
def project(write_project):
    return lambda *overrides, recipe=RECIPE: load_project(write_project(recipe, files=FILES), overrides)


def references(kernel):
    return [source.reference for source in kernel.attached]


def test_a_source_is_filled_with_the_kernels_own_setting(project):
    kernels = project().kernels
    assert [references(kernels[name]) for name in ("first-a", "first-b")] == [["birdclef-2023"], ["birdclef-2024"]]
    assert references(kernels["second"]) == ["birdclef-2023", "first-a"]
    assert kernels["second"].source_literals["data"] == ["competition:birdclef-2023"]


def test_sources_and_what_is_made_of_them_follow_a_changed_setting(project):
    changed = project("year=birdclef-2026", "which=b")
    selected = changed.select("all")
    assert [kernel.name for kernel in selected] == ["first-b", "second", "first-a"]  # what is needed comes first
    assert references(selected[1]) == ["birdclef-2026", "first-b"]
    assert competition_of(selected[2]) == "birdclef-2026"
    assert "competition:birdclef-2026" in listing(changed, "all") and "birdclef-2023" not in listing(changed, "all")
    check_inputs(selected, {"birdclef-2026": "."})
    with pytest.raises(KernelgenError, match="--input birdclef-2023=.: no selected kernel has such a source"):
        check_inputs(selected, {"birdclef-2023": "."})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["competition:{year}"]', '["competition:{yaer}"]', "data: 'competition:{yaer}': there is no setting yaer"),
        ('["competition:{year}"]', '["competition:{epochs}"]', "data: 'competition:{epochs}': epochs = 0.5 is no text"),
        ('which = "a"', 'which = "c"', "weights: 'kernel:first-c' is no source"),
        ('which = "a"', "", "weights: 'kernel:first-{which}': there is no setting which"),
    ],
)
def test_what_a_source_cannot_be_made_of_is_one_line(project, old, new, said):
    with pytest.raises(KernelgenError) as error:
        project(recipe=RECIPE.replace(old, new))
    assert said in str(error.value) and "\n" not in str(error.value) and "[kernels." in str(error.value)


def test_a_value_of_set_that_names_no_source_is_one_line(project):
    with pytest.raises(KernelgenError, match=r"\[kernels.second.sources\] data: 'competition:two words' is no source"):
        project("year=two words").select("second")


def test_a_setting_that_nothing_is_made_of_is_refused(project):
    with pytest.raises(KernelgenError, match="settings. spare: no template of the recipe names it; remove it"):
        project(recipe=RECIPE.replace("[settings]", "[settings]\nspare = 1"))
