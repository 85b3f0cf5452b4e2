"""Library modules that are named in text: in strings, shell lines and bodies of cell magics."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kernelgen.inlining.library import Library
from kernelgen.inlining.source import ParsedSource


class Mentions:
    """Finds a library's modules in text. The package's bare name is a word like any other and brings nothing."""

    def __init__(self, library: Library):
        name = re.escape(library.name)
        self.library = library
        self._dotted = re.compile(rf"(?<![\w.]){name}(?:\.\w+)+")
        self._imported = re.compile(rf"(?<![\w.])from\s+({name}(?:\.\w+)*)\s+import\s+([\w\s,()\\]+)")
        self._run = re.compile(rf"(?<![\w-])-m\s+({name}(?:\.\w+)*)")
        self._bare = re.compile(rf"(?<![\w.])import\s+({name})(?![\w.])")

    def modules(self, text: str) -> Iterator[str]:
        """The names of modules that a text names and the library has."""
        if self.library.name not in text:
            return
        for match in self._dotted.finditer(text):
            yield from self._deepest(match[0])
        for match in self._imported.finditer(text):
            names = [match[1], *(f"{match[1]}.{word}" for word in re.findall(r"\w+", match[2]))]
            yield from filter(self.library.exists, names)
        for match in self._run.finditer(text):
            yield from self.started(match[1])
        yield from self._bare.findall(text)

    def of_node(self, node: ast.AST, source: ParsedSource) -> Iterator[str]:
        """The modules that a string names, unless it is a docstring."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if not isinstance(source.parents[node], ast.Expr):
                yield from self.modules(node.value)

    def _deepest(self, name: str) -> Iterator[str]:
        """The module that a dotted path leads to or through: "pk.models.Mel" leads through pk.models."""
        while "." in name and not self.library.exists(name):
            name = name.rpartition(".")[0]
        if "." in name:
            yield name

    def started(self, name: str) -> Iterator[str]:
        """What `python -m` runs: a module, or the `__main__` of a package."""
        yield from filter(self.library.exists, (name, f"{name}.__main__"))
