"""The recipe: kernels.toml read, checked and expanded to single kernels."""

from kernelgen.recipe.loading import load_project
from kernelgen.recipe.project import Kernel, Project

__all__ = ["Kernel", "Project", "load_project"]
