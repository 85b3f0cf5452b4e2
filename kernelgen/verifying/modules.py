"""What the checks know of a library module, worked out once for each content."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache

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
def module_facts(text: str, where: str) -> ModuleFacts:
    """The facts about one module's text; the inliner has refused what cannot be parsed."""
    tree = ast.parse(text)
    injected = injections(tree)
    mounts = tuple(mount_lines(tree)) if "kaggle" in text or "input" in text else ()
    answered = frozenset(answered_lines(tree))
    return ModuleFacts(tuple(undefined_names(tree, where, known=EVERYWHERE)), injected, mounts, answered)
