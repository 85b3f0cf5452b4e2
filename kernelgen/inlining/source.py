"""A piece of source that is being read: a library module, or the code cells of a template."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import Module
from kernelgen.inlining.syntax import IMAGE_PYTHON, parse, tree_of

_SCRIPT = re.compile(r"%%(?:writefile\b.*\.py|python3?\b|script\s+\S*python\S*)")
_WRITTEN = re.compile(r"%%writefile\s+(?:-a\s+)?(?:\./)?(\w+)\.py\s")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Code:
    """A code cell of a rendered template.

    where: "kernel_templates/case.py.j2". text: its Python, with IPython's own lines commented out. first_line: the
    line of `where` on which it starts. written: the same lines as the notebook has them; "" if all are Python.
    """

    where: str
    text: str
    first_line: int = 1
    written: str = ""

    @property
    def writes_module(self) -> str:
        """The module that a cell writes beside the notebook: worker of `%%writefile worker.py`; "" if it does not."""
        match = _WRITTEN.match(self.written.lstrip())
        return match[1] if match else ""

    @property
    def magics(self) -> list[tuple[int, str]]:
        """IPython's own lines with their numbers: shell commands, magics, bodies of cell magics."""
        if not self.written:
            return []
        pairs = zip(self.written.split("\n"), self.text.split("\n"), strict=True)
        return [(number, line) for number, (line, python) in enumerate(pairs, self.first_line) if line != python]


@dataclass(eq=False)
class ParsedSource:
    """A syntax tree, with what `__name__` and `__package__` are in it.

    magics: IPython's own lines with their numbers.
    """

    tree: ast.Module
    text: str
    file: str
    name: str = "__main__"
    package: str | None = None
    magics: list[tuple[int, str]] = field(default_factory=list)

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Each node that may run, in the order of the source, with the node around it.

        What stands under `if TYPE_CHECKING:` or `if False:` never runs, and annotations are left out: neither brings a
        module.
        """
        names = {"TYPE_CHECKING"}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                names |= {alias.asname for alias in node.names if alias.name == "TYPE_CHECKING" and alias.asname}
        found: dict[ast.AST, ast.AST] = {}
        stack: list[tuple[ast.AST, ast.AST]] = [(child, self.tree) for child in reversed(self.tree.body)]
        while stack:
            node, parent = stack.pop()
            found[node] = parent
            stack.extend((child, node) for child in reversed(list(_running(node, names))))
        return found

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What imported names stand for: `import os.path as p` gives p: "os.path"."""
        found = {"__import__": "builtins.__import__"}
        for node in self.parents:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    root = alias.name.partition(".")[0]
                    found[alias.asname or root] = alias.name if alias.asname else root
            elif isinstance(node, ast.ImportFrom):
                package = node.module or "" if not node.level else self.resolve(node.level, node.module, node)
                found |= {alias.asname or alias.name: f"{package}.{alias.name}" for alias in node.names}
        return found

    def dotted(self, node: ast.AST | None) -> str:
        """The full name of an imported thing, "importlib.import_module"; "" for anything else."""
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id, "")
        if isinstance(node, ast.Attribute) and (above := self.dotted(node.value)):
            return f"{above}.{node.attr}"
        return ""

    def around(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Each pair of a node and the node around it, from `node` outwards."""
        while (parent := self.parents.get(node)) is not None:
            yield node, parent
            node = parent

    def where(self, node: ast.AST | int) -> str:
        """The place of a node or line for messages, "pk/a.py:3"."""
        return f"{self.file}:{node if isinstance(node, int) else getattr(node, 'lineno', 1)}"

    def resolve(self, level: int, module: str | None, node: ast.AST) -> str:
        """The absolute name of what `from ..module import` (two dots: level 2) names.

        Raises:
            KernelgenError: where there is no such package above.
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


@lru_cache(maxsize=1024)
def source_of_module(module: Module, python: tuple[int, int] = IMAGE_PYTHON) -> ParsedSource:
    """A library module, read. It depends on the module alone, so that all kernels share it."""
    tree = parse(module.data, str(module.file), python=python)
    return ParsedSource(tree, module.text, str(module.file), module.name, module.package)


def sources_of_cells(code: Sequence[Code], python: tuple[int, int]) -> list[ParsedSource]:
    """A template's cells as one source, which share their names; then the Python that its cell magics hold."""
    trees = [parse(_at_its_line(one.text, one.first_line), one.where, python=python, is_cell=True) for one in code]
    body = [statement for tree in trees for statement in tree.body]
    magics = [pair for one in code for pair in one.magics]
    text = "\n".join(one.text for one in code)
    file = code[0].where if code else ""
    return [ParsedSource(ast.Module(body, []), text, file, magics=magics), *_scripts(code, python)]


def _scripts(code: Sequence[Code], python: tuple[int, int]) -> Iterator[ParsedSource]:
    for one in code:
        first, _, body = one.written.partition("\n")
        if _SCRIPT.match(first.strip()):
            text = _at_its_line(body, one.first_line + 1)
            try:
                yield ParsedSource(tree_of(text, python), body, one.where)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue  # its dotted names are read all the same


def _at_its_line(text: str, first_line: int) -> str:
    return "\n" * (first_line - 1) + text


def _running(node: ast.AST, checking: set[str]) -> Iterator[ast.AST]:
    """A node's children, without annotations and without branches that never run."""
    if isinstance(node, ast.If):
        truth = _truth(node.test, checking)
        yield node.test
        yield from node.body if truth is not False else []
        yield from node.orelse if truth is not True else []
        return
    skipped = getattr(node, "returns", None) if isinstance(node, _FUNCTIONS) else getattr(node, "annotation", None)
    for child in ast.iter_child_nodes(node):
        if child is not skipped and not isinstance(child, (ast.expr_context, ast.operator)):
            yield child


def _truth(test: ast.expr, checking: set[str]) -> bool | None:
    """Whether a condition holds in a run, where TYPE_CHECKING is false; None if that is not plain."""
    match test:
        case ast.Constant():
            return bool(test.value)
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in checking:
            return False
        case ast.UnaryOp(op=ast.Not()):
            truth = _truth(test.operand, checking)
            return None if truth is None else not truth
        case ast.BoolOp():
            truths = [_truth(value, checking) for value in test.values]
            decides = isinstance(test.op, ast.Or)
            if decides in truths:
                return decides
            return None if None in truths else not decides
    return None
