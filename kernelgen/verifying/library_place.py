"""Whether the library lies on disk before a template's cells need it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from kernelgen.rendering.template_cell import TemplateCell

_IMPORTERS = frozenset({"import_module", "__import__", "find_spec", "run_module"})
# Functions that run code or a command.
_RUNNERS = frozenset(
    {"exec", "eval", "system", "popen", "run", "Popen", "call", "check_call", "check_output", "getoutput"}
    | {"getstatusoutput", "create_subprocess_exec", "create_subprocess_shell"}
)


def first_use(cells: Sequence[TemplateCell], library: str, *, at_once: bool = True) -> tuple[int, int] | None:
    """(number of the cell, line of the template) where the library is first needed.

    Args:
        at_once: whether to look at code alone that runs with its cell, not at bodies of functions.
    """
    for number, cell in enumerate(cells):
        if cell.kind == "code" and not cell.is_library:
            tree = ast.parse(cell.python)
            lines = [line for node in (_running if at_once else ast.walk)(tree) for line in _needs(node, library)]
            if cell.text != cell.python:
                lines += _needed_by_magics(cell, library)
            if lines:
                return number, cell.line + min(lines) - 1
    return None


def place_problems(cells: Sequence[TemplateCell], library: str, where: str) -> list[str]:
    """A line where ``{{ library() }}`` is below the first use of the library, or is missing."""
    use = first_use(cells, library)
    place = next((number for number, cell in enumerate(cells) if cell.is_library), None)
    if use is None or place is None or place < use[0]:
        return []
    return [
        f"{where}:{use[1]}: needs {library} above {{{{ library() }}}} (line {cells[place].line}), where it is not yet "
        f"there; move {{{{ library() }}}} above this cell"
    ]


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of code that runs at once: no bodies of functions, nothing for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in (*node.decorator_list, node.args):
                yield part
                yield from _running(part)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from (below for part in node.orelse for below in (part, *_running(part)))
        elif not isinstance(node, ast.Lambda):
            yield node
            yield from _running(node)


def _needs(node: ast.AST, library: str) -> list[int]:
    """The line of a node that imports the library, or gives its name to a function that does."""
    if not isinstance(node, ast.Import | ast.ImportFrom | ast.Call):
        return []
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [] if node.level else [node.module or ""]
    else:
        called = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
        values = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
        texts = [value for value in values if isinstance(value, str)]
        if called in _RUNNERS and _mentions(" ".join(texts), library):
            return [node.lineno]
        names = texts[:1] if called in _IMPORTERS else []
    return [node.lineno] if any(name.partition(".")[0] == library for name in names) else []


def _needed_by_magics(cell: TemplateCell, library: str) -> list[int]:
    """The lines of shell commands and magics that import the library; ``%%writefile`` only writes."""
    if re.match(r"\s*%%(?:writefile|file|html|markdown|latex|javascript|js|svg)\b", cell.text):
        return []
    pairs = zip(cell.text.split("\n"), cell.python.split("\n"), strict=True)
    return [
        number
        for number, (line, python) in enumerate(pairs, start=1)
        if line != python and not line.lstrip().startswith("#") and _mentions(line, library)
    ]


def _mentions(text: str, library: str) -> bool:
    """Whether a command or a piece of code imports the library: ``-m pk.train``, ``import pk``, ``from pk import``."""
    return bool(re.search(rf"(?:(?:^|\s)-m\s+|\b(?:import|from)\s+){re.escape(library)}(?![\w-])", text))
