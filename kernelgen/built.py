"""What a build makes."""

from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode

from kernelgen.inlining.closure import Closure
from kernelgen.inlining.source import Code
from kernelgen.recipe.project import Kernel
from kernelgen.rendering.template import TemplateCell


@dataclass(frozen=True)
class BuiltKernel:
    """A built kernel. cells: those of its template, with their places in it. code: the code cells among them."""

    kernel: Kernel
    notebook: NotebookNode
    metadata: dict[str, Any]
    closure: Closure
    cells: tuple[TemplateCell, ...]
    code: tuple[Code, ...]
