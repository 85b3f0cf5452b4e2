"""docs/components.md names every component of a recipe, and its parameters."""

import re
from dataclasses import fields, is_dataclass
from importlib import import_module
from inspect import isabstract
from pathlib import Path
from pkgutil import iter_modules

import pytest

KINDS = ("clip_sources", "samplers", "heads", "losses", "schedules", "starts", "postprocessing", "blends")
SHARED = ("clip_context", "start_context", "label_loss")  # files beside the components


@pytest.mark.parametrize("kind", KINDS)
def test_the_docs_name_every_component_and_its_parameters(kind):
    page = (Path(__file__).parents[2] / "docs/components.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for module in iter_modules(import_module(f"birdlib.{kind}").__path__):
        made = import_module(f"birdlib.{kind}.{module.name}")
        made = getattr(made, "".join(word.capitalize() for word in module.name.split("_")), None)
        if is_dataclass(made) and module.name not in SHARED:
            (row,) = [row for row in rows if f"`{module.name}`" in row.split(" | ")[0]]
            named = {field.name for field in fields(made)} - {"frame_share"}  # of all losses, said above the table
            assert named <= set(re.findall(r"`(\w+)`", row)), (module.name, row)


@pytest.mark.parametrize("kind", ["clip_sources", "samplers", "losses", "schedules", "starts", "augmentation"])
def test_the_notebook_that_is_tested_names_every_component(kind):
    """`make test` runs the library's tests on the copy of a notebook; what no recipe names would not be in it."""
    root = Path(__file__).parents[2]
    told = (root / "Makefile").read_text(encoding="utf-8") + (root / "kernel_templates/kernels.toml").read_text("utf-8")
    for module in iter_modules(import_module(f"birdlib.{kind}").__path__):
        made = import_module(f"birdlib.{kind}.{module.name}")
        made = getattr(made, "".join(word.capitalize() for word in module.name.split("_")), None)
        is_component = is_dataclass(made) and not isabstract(made) and not module.name.endswith("_context")
        if is_component and module.name != "batch":
            assert re.search(rf'name ?= ?"{module.name}"', told), module.name
