"""`--set key=value` replaces settings for one build."""

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.recipe import load_project

RECIPE = """
library = "pk"
[kernels.case]
template = "case"
[kernels.case.settings]
epochs = 3
rate = 1e-3
name = "rex"
fast = true
classes = ["a"]
table = {a = 1}
[kernels.other]
template = "other"
settings = {epochs = 1.5, size = 2}
"""
CASE = "".join(f"{name.upper()} = {{{{ {name} | literal }}}}\n" for name in
               ("epochs", "rate", "name", "fast", "classes", "table"))  # fmt: skip
OTHER = "E = {{ epochs | literal }}\nS = {{ size | literal }}\n"


@pytest.fixture
def settings(write_project):
    def settings(*overrides, kernel="case"):
        root = write_project(RECIPE, CASE, {"kernel_templates/other.py.j2": OTHER})
        (selected,) = load_project(root, overrides).select(kernel)
        return selected.settings

    return settings


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("epochs=5", "epochs", 5),
        ("rate=1", "rate", 1.0),
        ("rate=5e-4", "rate", 5e-4),
        ("name=efficientnet-b2", "name", "efficientnet-b2"),
        ('name="a b"', "name", "a b"),
        ("name=2024", "name", "2024"),
        ("name=", "name", ""),
        ("name=a=b", "name", "a=b"),
        ("fast=false", "fast", False),
        ('classes=["x", "y"]', "classes", ["x", "y"]),
        ("table={b = 2}", "table", {"b": 2}),
    ],
)
def test_a_value_is_read_as_toml_or_as_a_bare_string(settings, text, key, value):
    found = settings(text)[key]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epochs=2.5", "float 2.5 cannot replace int 3"),
        ("epochs=true", "bool True cannot replace int 3"),
        ("epochs=many", "str 'many' cannot replace int 3; give a value of the same type"),
        ("fast=1", "int 1 cannot replace bool True"),
        ("rate=inf", "inf and nan have no Python literal"),
        ("classes=[1]", "a list of str cannot hold 1"),
        ("epoch=3", "none of the selected kernels has a setting epoch (did you mean epochs?)"),
        ("size=3", "none of the selected kernels has a setting size"),
        ("epochs", "not of the form key=value"),
        ("epochs=1\nrate=2", "cannot replace int 3"),
        ("size=1\n", "none of the selected kernels has a setting size"),
        ("epo\nchs=1", "not of the form key=value"),
    ],
)
def test_an_override_that_does_not_fit_is_one_line(settings, text, said):
    with pytest.raises(KernelgenError) as error:
        settings(text)
    shown = repr(text) if "\n" in text else text
    assert str(error.value).startswith(f"--set {shown}: ") and said in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_an_override_that_fits_the_selected_kernel_only_is_taken(settings):
    assert settings("epochs=2.5", kernel="other")["epochs"] == 2.5
