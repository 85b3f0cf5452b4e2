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
_OF_MACHINE = re.compile(r"\b(platform|version|version_info|implementation|os\.name)\b")
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
        pairs = zip((self.written or self.text).split("\n"), self.text.split("\n"), strict=True)
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

    def is_optional(self, node: ast.AST, name: str, is_own: bool = False) -> bool:
        """Whether the code may go on where the import of `name` at `node` fails.

        It may under `try … except ImportError`, `suppress(ImportError)` and an `if` that is no main guard, and in a
        function of a source that tries or asks for the same package elsewhere: `HAVE = has("cupy")`. The library's
        modules under an `if` of a template are needed in some run, unless the `if` asks for the machine.
        """
        around = [parent for _, parent in self.around(node)]
        conditions = [ast.unparse(parent.test) for parent in around if isinstance(parent, ast.If)]
        if is_own and self.name == "__main__":
            conditions = [condition for condition in conditions if _OF_MACHINE.search(condition)]
        if self.is_tried(node) or any("__name__" not in condition for condition in conditions):
            return True
        return name in self._asked and any(isinstance(parent, (ast.Try, *FUNCTIONS)) for parent in around)

    def is_tried(self, node: ast.AST) -> bool:
        """Whether an ImportError would be caught, be it to raise another."""
        return any(
            isinstance(parent, (ast.Try, ast.With)) and child in parent.body and _catches(parent)
            for child, parent in self.around(node)
        )

    @cached_property
    def _asked(self) -> set[str]:
        """The packages whose import is tried, and all strings, which may be handed to a function that asks for them."""
        asked = set(self.strings.values())
        for node in self.parents:
            if isinstance(node, (ast.Import, ast.ImportFrom)) and self.is_tried(node):
                asked.update(re.findall(r"\w+", ast.unparse(node)))
        return asked

    def _running(self, node: ast.AST) -> list[ast.AST]:
        """A node's children, without annotations and without branches that never run."""
        if isinstance(node, ast.If):
            test, never = node.test, node.body
            if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
                test, never = test.operand, node.orelse
            if self.dotted(test).endswith(".TYPE_CHECKING") or isinstance(test, ast.Constant) and not test.value:
                return [node.test, *(node.orelse if never is node.body else node.body)]
        skipped = {getattr(node, "annotation", None), getattr(node, "returns", None)}
        return [child for child in ast.iter_child_nodes(node) if child not in skipped]


def _catches(block: ast.Try | ast.With) -> bool:
    if isinstance(block, ast.With):
        calls = [ast.unparse(item.context_expr) for item in block.items]
        return any("suppress(" in call and _CATCHING.search(call) for call in calls)
    return any(handler.type is None or _CATCHING.search(ast.unparse(handler.type)) for handler in block.handlers)


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
