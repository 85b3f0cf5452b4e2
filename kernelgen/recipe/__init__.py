"""The recipe: kernels.toml read, checked and expanded to single kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernelgen.recipe.project import Kernel, Project, load_project
    from kernelgen.recipe.sources import Source

__all__ = ["Kernel", "Project", "Source", "load_project"]


def __getattr__(name: str):
    # Lazily: templates are read with the rules of the recipe, and a recipe is read with its templates.
    if name == "Source":
        from kernelgen.recipe.sources import Source

        return Source
    if name in __all__:
        from kernelgen.recipe import project

        return getattr(project, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
