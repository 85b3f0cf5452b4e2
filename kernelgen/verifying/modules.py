"""What the checks know of a library module or of a cell, worked out once for each content."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache

from kernelgen.inlining.library import Module
from kernelgen.inlining.syntax import tree_of
from kernelgen.verifying.image import answered_lines
from kernelgen.verifying.mounts import mount_lines
from kernelgen.verifying.names import EVERYWHERE, Injected, injections, undefined_names
from kernelgen.verifying.parsing import parsed


@dataclass(frozen=True)
class ModuleFacts:
    """undefined: (line, name) of names that the module itself does not define. injected: what it may put
    into other modules. mounts: lines that name /kaggle/input. answered: lines of imports that may fail."""

    undefined: tuple[tuple[int, str], ...]
    injected: Injected
    mounts: tuple[int, ...]
    answered: frozenset[int]


@lru_cache(maxsize=4096)
def module_facts(module: Module) -> ModuleFacts:
    """The facts about one module; the inliner has refused what cannot be parsed."""
    tree = tree_of(module.data)
    undefined = undefined_names(tree, str(module.file), known=EVERYWHERE)
    return ModuleFacts(tuple(undefined), injections(tree), tuple(mount_lines(tree)), frozenset(answered_lines(tree)))


@dataclass(frozen=True)
class CellFacts:
    """tree: of the cell's Python. mounts, answered: as in ModuleFacts, lines of the template."""

    tree: ast.Module
    mounts: tuple[int, ...]
    answered: frozenset[int]


@lru_cache(maxsize=4096)
def cell_facts(python: str, line: int, where: str) -> CellFacts:
    """The facts about a template's code cell; ``check_syntax`` has refused what cannot be read."""
    tree = parsed(python, line, where)
    mounts = tuple(number + line - 1 for number in mount_lines(tree))
    return CellFacts(tree, mounts, frozenset(number + line - 1 for number in answered_lines(tree)))


@lru_cache(maxsize=1024)
def template_names(
    cells: tuple[tuple[str, int], ...], where: str, known: frozenset[str]
) -> tuple[tuple[int, str], ...]:
    """(line, name) of each name that a template's code cells use and nothing defines.

    Args:
        cells: of each the skeleton, the same for all kernels of the template, and the line.
    """
    lines: list[str] = []
    for skeleton, line in cells:
        lines += [""] * (line - 1 - len(lines)) + skeleton.split("\n")
    tree = parsed("\n".join(lines), 1, where)
    return tuple(undefined_names(tree, where, known=known, in_notebook=True))
