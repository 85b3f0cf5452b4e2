"""The recipe: kernels.toml read, checked and expanded to single kernels."""

from kernelgen.recipe.loading import load_project
from kernelgen.recipe.project import Kernel, Project
from kernelgen.recipe.sources import Source

__all__ = ["Kernel", "Project", "Source", "load_project"]
