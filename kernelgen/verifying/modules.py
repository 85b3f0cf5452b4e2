"""What the checks know of a library module, worked out once for each content."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from kernelgen.inlining.library import Module
from kernelgen.inlining.syntax import tree_of
from kernelgen.inlining.walking import nodes_of
from kernelgen.verifying.image import answered_lines
from kernelgen.verifying.mounts import mount_lines
from kernelgen.verifying.names import EVERYWHERE, Injected, injections, undefined_names


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
    nodes = nodes_of(tree)
    undefined = undefined_names(tree, nodes, str(module.file), known=EVERYWHERE)
    mounts = mount_lines(nodes) if "input" in module.text else ()
    return ModuleFacts(tuple(undefined), injections(nodes), tuple(mounts), frozenset(answered_lines(nodes)))
