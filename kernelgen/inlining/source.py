"""A piece of source that is being read: a library module, or code of a template."""

import ast
from dataclasses import dataclass
from functools import cached_property

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import Library, Module
from kernelgen.inlining.scopes import Scopes, scopes_of
from kernelgen.inlining.syntax import IMAGE_PYTHON, parse


@dataclass(frozen=True)
class Code:
    """A piece of rendered template code, magics already commented out.

    where: "kernel_templates/case.py.j2". first_line: the line of `where` on which `text` starts.
    """

    where: str
    text: str
    first_line: int = 1


@dataclass(eq=False)
class Source:
    """A syntax tree, with what `__name__` and `__package__` are in it and how its lines are named."""

    tree: ast.Module
    text: str
    file: str
    name: str
    package: str | None
    module: Module | None = None
    first_line: int = 1
    fixed_line: int | None = None
    neighbours: tuple["Source", ...] = ()  # other code of the same notebook, whose names are seen here too

    @cached_property
    def scopes(self) -> Scopes:
        return scopes_of(self.tree)

    def where(self, node: ast.AST) -> str:
        """The place of a node for messages, "pk/a.py:3"."""
        line = self.fixed_line or getattr(node, "lineno", 1) + self.first_line - 1
        return f"{self.file}:{line}"

    def resolve(self, level: int, module: str | None, node: ast.AST) -> str:
        """The absolute name of what `from ..module import` (two dots: level 2) names.

        Raises KernelgenError where there is no such package above.
        """
        if level == 0:
            return module or ""
        dots = "." * level + (module or "")
        if not self.package:
            raise KernelgenError(
                f"{self.where(node)}: `from {dots} import` is relative, but this code belongs to no package; "
                "import by the full name"
            )
        above = self.package.split(".")
        if level > len(above):
            raise KernelgenError(
                f"{self.where(node)}: `from {dots} import` goes beyond the top package {above[0]}; "
                "take a dot away or import by the full name"
            )
        base = ".".join(above[: len(above) - level + 1])
        return f"{base}.{module}" if module else base


class Sources:
    """The parsed sources of a library, each read once."""

    def __init__(self, library: Library, python: tuple[int, int] = IMAGE_PYTHON):
        self.library = library
        self.python = python
        self._modules: dict[str, Source] = {}
        self._code: dict[Code, Source] = {}

    def of_module(self, module: Module) -> Source:
        if module.name not in self._modules:
            tree = parse(module.data, str(module.file), python=self.python)
            names = (str(module.file), module.name, module.package)
            self._modules[module.name] = Source(tree, module.text, *names, module)
        return self._modules[module.name]

    def of_code(self, code: Code) -> Source:
        if code not in self._code:
            tree = parse(code.text, code.where, python=self.python, first_line=code.first_line, top_level_await=True)
            self._code[code] = Source(tree, code.text, code.where, "__main__", None, first_line=code.first_line)
        return self._code[code]

    def of_string(self, text: str, host: Source, node: ast.AST, *, as_main: bool) -> Source | None:
        """Code in a string literal of `host` (`exec("…")`, `python -c "…"`); None if it is no Python."""
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            return None
        line = int(host.where(node).rpartition(":")[2])
        if as_main:
            return Source(tree, text, host.file, "__main__", None, fixed_line=line)
        return Source(tree, text, host.file, host.name, host.package, host.module, fixed_line=line)
