"""`include = ["pk.losses.{loss}"]`: only the parts of the library that a recipe names are inlined."""

import pytest

from kernelgen.building import build_kernel
from kernelgen.errors import KernelgenError
from kernelgen.recipe import load_project

RECIPE = """
library = "pk"
[kernels.case]
template = "case"
include = ["pk.losses.{loss}", "pk.losses.{stages.loss}", "pk.heads.{head}"]
[kernels.case.settings]
loss = [{ name = "bce" }]
head = "pooled"
stages = [{}]
"""
CASE = """
LOSS, HEAD, STAGES = {{ loss | literal }}, {{ head | literal }}, {{ stages | literal }}

# %%
{{ library() }}

# %%
from pk.parts import part
print(part("losses", LOSS[0]["name"]), part("heads", HEAD))
"""
PARTS = 'from importlib import import_module\ndef part(kind, name):\n    return import_module(f"pk.{kind}.{name}").X\n'
LIBRARY = {
    "pk/parts.py": PARTS,
    "pk/losses/__init__.py": "",
    "pk/heads/__init__.py": "",
    **{f"pk/losses/{name}.py": "X = 1\n" for name in ("bce", "focal", "auc")},
    **{f"pk/heads/{name}.py": "X = 2\n" for name in ("pooled", "sed")},
}


def inlined(root, *overrides):
    project = load_project(root, overrides)
    (kernel,) = project.select(["case"])
    built = build_kernel(project, kernel, commit="x")
    return {module.name for module in built.closure.modules if module.name.count(".") == 2}


@pytest.fixture
def root(write_project):
    return write_project(RECIPE, CASE, LIBRARY)


def test_only_what_the_settings_name_is_inlined(root):
    assert inlined(root) == {"pk.losses.bce", "pk.heads.pooled"}
    assert inlined(root, 'head="sed"') == {"pk.losses.bce", "pk.heads.sed"}
    several = 'loss=[{name = "bce"}, {name = "auc", weight = 2}]'
    assert inlined(root, several) == {"pk.losses.bce", "pk.losses.auc", "pk.heads.pooled"}


def test_tables_in_lists_are_asked_for_what_the_path_says(root):
    stages = 'stages=[{}, {loss = [{name = "focal"}]}]'
    assert inlined(root, stages) == {"pk.losses.bce", "pk.losses.focal", "pk.heads.pooled"}


def test_a_name_that_the_library_lacks_is_one_line(root):
    with pytest.raises(KernelgenError) as error:
        inlined(root, 'loss=[{name = "focall"}]')
    assert "pk.losses.focall" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_setting_that_is_not_there_is_one_line(write_project):
    root = write_project(RECIPE.replace("{head}", "{heads}"), CASE, LIBRARY)
    with pytest.raises(
        KernelgenError, match=r"\] heads: kernel_templates/case.py.j2 does not name it \(did you mean head\?\)"
    ):
        inlined(root)
