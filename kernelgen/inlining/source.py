"""A piece of source that is being read: a library module, or the code cells of a template."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.util import resolve_name

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import Module
from kernelgen.inlining.syntax import parse

_WRITTEN = re.compile(
    r"""^\s*%%(?:writefile|file)\s+(?:-a\s+)?(?:\./)?([\w/]+)\.py\s"""
    r"""|["'](?:\./)?([\w/]+)\.py["'](?:\)\.write_|,\s*["']w)"""
)
_CATCHING = re.compile(r"\b(ImportError|(Module|Package|Distribution)NotFound(Error)?|Exception|BaseException)\b")
# Conditions on the machine: Kaggle's is Linux, and its Python is known.
_MACHINE = re.compile(r"\bsys\.platform\b|\bos\.name\b|\bversion_info\b|\bplatform\.system\b|\bfind_spec\b")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


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
    def writes_modules(self) -> set[str]:
        """What a cell lets others import by a file that it writes: sub and worker of `%%writefile sub/worker.py`."""
        matches = _WRITTEN.finditer(self.written or self.text)
        return {name for match in matches for name in (match[1] or match[2]).split("/")}

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

        Not under `if TYPE_CHECKING:` or `if False:`, and no annotations: neither brings a module.
        """
        found: dict[ast.AST, ast.AST] = {}
        stack: list[tuple[ast.AST, ast.AST]] = [(child, self.tree) for child in reversed(self.tree.body)]
        while stack:
            node, parent = stack.pop()
            found[node] = parent
            stack.extend((child, node) for child in reversed(self._running(node)))
        return found

    @cached_property
    def calls(self) -> dict[ast.Call, str]:
        """Each call that may run, with the full name of what it calls if that is imported."""
        return {node: self.dotted(node.func) for node in self.parents if isinstance(node, ast.Call)}

    @cached_property
    def strings(self) -> dict[ast.Constant, str]:
        """Each string that is no docstring."""
        return {
            node: node.value
            for node, parent in self.parents.items()
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and not isinstance(parent, ast.Expr)
        }

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What imported names stand for: `import os.path as p` gives p: "os.path"."""
        found = {"__import__": "builtins.__import__"}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    root = alias.name.partition(".")[0]
                    found[alias.asname or root] = alias.name if alias.asname else root
            elif isinstance(node, ast.ImportFrom):
                found |= {alias.asname or alias.name: f"{self.resolve(node)}.{alias.name}" for alias in node.names}
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

    def resolve(self, node: ast.ImportFrom) -> str:
        """The full name of what `from ..module import` names.

        Raises:
            KernelgenError: where there is no such package above.
        """
        name = "." * node.level + (node.module or "")
        try:
            return resolve_name(name, self.package or "")
        except ImportError as error:
            raise KernelgenError(
                f"{self.where(node)}: `from {name} import`: {error}; import by the full name"
            ) from None

    def is_optional(self, node: ast.AST, name: str) -> bool:
        """Whether the code goes on where the import of `name` at `node` fails.

        It does under `try … except ImportError` and `suppress(ImportError)` and under a condition on the system or the
        version of Python. It also does inside an `if` or function of a module that tries or asks for the same name
        elsewhere: `if HAVE_CUPY: import cupy`, `has("cupy")`.
        """
        around = [parent for _, parent in self.around(node)]
        conditions = [ast.unparse(parent.test) for parent in around if isinstance(parent, ast.If)]
        if self.is_tried(node) or any(map(_MACHINE.search, conditions)):
            return True
        is_inside = any(isinstance(parent, (ast.If, ast.Try, *FUNCTIONS)) for parent in around)
        return is_inside and name in self._asked

    def is_tried(self, node: ast.AST) -> bool:
        """Whether an ImportError would be caught in the same function, and not raised again."""
        for child, parent in self.around(node):
            if isinstance(parent, FUNCTIONS):
                return False
            if isinstance(parent, (ast.Try, ast.With)) and child in parent.body and _goes_on(parent):
                return True
        return False

    @cached_property
    def _asked(self) -> set[str]:
        """The names whose import is tried, or that are handed to a function that may ask for them."""
        asked = {str(getattr(argument, "value", "")) for call in self.calls for argument in call.args}
        for node in self.parents:
            if isinstance(node, (ast.Import, ast.ImportFrom)) and self.is_tried(node):
                names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
                asked.update(part for name in names for part in (name, name.partition(".")[0]))
        return asked

    def _running(self, node: ast.AST) -> list[ast.AST]:
        """A node's children, without annotations and without branches that never run."""
        if isinstance(node, ast.If):
            truth = self._truth(node.test)
            return [node.test, *(node.body if truth is not False else ()), *(node.orelse if truth is not True else ())]
        skipped = {getattr(node, "annotation", None), getattr(node, "returns", None)}
        return [child for child in ast.iter_child_nodes(node) if child not in skipped]

    def _truth(self, test: ast.expr) -> bool | None:
        """Whether a condition holds in a run, where TYPE_CHECKING is false; None if that is not plain."""
        match test:
            case ast.Constant(value=value):
                return bool(value)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                truth = self._truth(operand)
                return None if truth is None else not truth
        return False if self.dotted(test).endswith(".TYPE_CHECKING") else None


def _goes_on(block: ast.Try | ast.With) -> bool:
    if isinstance(block, ast.With):
        calls = [ast.unparse(item.context_expr) for item in block.items]
        return any("suppress(" in call and _CATCHING.search(call) for call in calls)
    return any(
        not any(isinstance(statement, ast.Raise) for statement in handler.body)
        and (handler.type is None or _CATCHING.search(ast.unparse(handler.type)))
        for handler in block.handlers
    )


@lru_cache(maxsize=1024)
def source_of_module(module: Module) -> ParsedSource:
    """A library module, read. It depends on the module alone, so that all kernels share it."""
    return ParsedSource(
        parse(module.data, str(module.file)), module.text, str(module.file), module.name, module.package
    )


def source_of_cells(code: Sequence[Code]) -> ParsedSource:
    """A template's cells as one source, which share their names."""
    trees = [parse("\n" * (cell.first_line - 1) + cell.text, cell.where) for cell in code]
    body = [statement for tree in trees for statement in tree.body]
    magics = [pair for cell in code for pair in cell.magics]
    text = "\n".join(cell.text for cell in code)
    return ParsedSource(ast.Module(body, []), text, code[0].where if code else "", magics=magics)
