"""Whether the library lies on disk before a template's cells need it."""

import ast
import re
from collections.abc import Sequence

from kernelgen.inlining.library import Library
from kernelgen.inlining.source import FUNCTIONS, Code, ParsedSource, source_of_cells

_IMPORTERS = frozenset({"import_module", "__import__", "find_spec", "run_module"})
# Functions that run code or a command.
_RUNNERS = frozenset(
    "exec eval system popen run Popen call check_call check_output getoutput getstatusoutput create_subprocess_exec "
    "create_subprocess_shell".split()
)
_WRITES = re.compile(r"\s*%%(?:writefile|file|html|markdown|latex|javascript|js|svg)\b")


def first_use(library: Library, code: Sequence[Code], *, at_once: bool = True) -> int | None:
    """The first line of a template that needs the library; None if there is none.

    Args:
        at_once: whether code in functions, which runs later, does not count.
    """
    # A command or a piece of code that imports the library: `-m pk.train`, `import pk`.
    mention = re.compile(rf"(?:(?<![\w-])-m\W+|\b(?:import|from)\s+){re.escape(library.name)}(?![\w-])")
    source = source_of_cells(code)
    magics = [magic for cell in code if not _WRITES.match(cell.written) for magic in cell.magics]
    lines = [number for number, line in magics if mention.search(line)]
    lines += [
        node.lineno
        for node in source.parents
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Call)
        and _needs(node, library, mention)
        and (_runs_at_once(node, source) or not at_once)
    ]
    return min(lines, default=None)


def _needs(node: ast.Import | ast.ImportFrom | ast.Call, library: Library, mention: re.Pattern[str]) -> bool:
    if isinstance(node, ast.Import):
        return any(library.owns(alias.name) for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return not node.level and library.owns(node.module or "")
    called = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
    if called in _IMPORTERS and node.args and isinstance(node.args[0], ast.Constant):
        return library.owns(str(node.args[0].value))
    return called in _RUNNERS and bool(mention.search(ast.unparse(node)))


def _runs_at_once(node: ast.AST, source: ParsedSource) -> bool:
    """Whether a node stands in no body of a function; decorators and default values are outside of it."""
    return not any(
        isinstance(parent, FUNCTIONS) and child not in [parent.args, *getattr(parent, "decorator_list", ())]
        for child, parent in source.around(node)
    )
