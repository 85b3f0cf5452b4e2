"""Names that no one defines, in code that is evaluated."""

import ast
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from pyflakes import messages
from pyflakes.checker import Checker, FunctionScope

from kernelgen.inlining.source import ParsedSource

# IPython puts these among the builtins, so that modules see them too.
_EVERYWHERE = frozenset({"display", "get_ipython", "__IPYTHON__"})
_IN_CELLS = frozenset("In Out _ __ ___ _i _ii _iii _ih _oh _dh exit quit".split())
# Magics, which are comments in the code that is checked, may bring in names too.
_MAKES_NAMES = re.compile(
    r"(?<![\w.])(?:globals\(|locals\(|exec\(|vars\(\))|\bmodules\["
    r"|# %{1,2}(?:run|pylab|store|load|load_ext|reload_ext|macro|script|bash|sh)\b"
)


def name_problems(sources: Sequence[ParsedSource]) -> list[str]:
    """A line for each name that the evaluated code of a kernel uses and nothing defines.

    Nothing is said of a source that makes names while it runs (`globals()`, `exec`, `sys.modules[…]`).

    Args:
        sources: the template's cells and the library's modules.
    """
    from_outside = _names_set_from_outside(sources)
    if from_outside is None:
        return []
    problems = []
    for source in sources:
        in_cells = source.name == "__main__"
        known = from_outside | _IN_CELLS if in_cells else from_outside
        undefined = [*_undefined(source), *(_uses_of_file(source) if in_cells else ())]
        problems += [
            f"{source.where(line)}: undefined name {name}; define or import it"
            for line, name in sorted(undefined)
            if name not in known
        ]
    return problems


def _names_set_from_outside(sources: Iterable[ParsedSource]) -> set[str] | None:
    """Names that code sets in what it imports (`config.DEBUG = True`); None where they cannot be told."""
    names = set()
    for source in sources:
        for node in source.parents:
            if isinstance(node, ast.Call):
                called = getattr(node.func, "id", "")
                if called in {"setattr", "vars"} and node.args and source.dotted(node.args[0]):
                    return None
            elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Del):
                is_own = isinstance(node.value, ast.Name) and node.value.id not in source.aliases
                if isinstance(node.ctx, ast.Store) and not is_own:
                    names.add(node.attr)
                elif node.attr == "__dict__" and source.dotted(node.value):
                    return None
    return names


@lru_cache(maxsize=1024)  # kernels share most of their modules
def _undefined(source: ParsedSource) -> list[tuple[int, str]]:
    if _MAKES_NAMES.search(source.text):
        return []
    return [
        (message.lineno, message.message_args[0])
        for message in _EvaluatedNames(source.tree, filename=source.file, builtins=_EVERYWHERE).messages
        if isinstance(message, messages.UndefinedName)
    ]


def _uses_of_file(cells: ParsedSource) -> list[tuple[int, str]]:
    """Uses of `__file__`, which no notebook has."""
    uses = [node for node in cells.parents if isinstance(node, ast.Name) and node.id == "__file__"]
    if _MAKES_NAMES.search(cells.text) or any(isinstance(node.ctx, ast.Store) for node in uses):
        return []
    guarded = [node for node in uses if any(isinstance(parent, ast.Try) for _, parent in cells.around(node))]
    return [(node.lineno, node.id) for node in uses if node not in guarded]


class _EvaluatedNames(Checker):
    """pyflakes, blind to what is never evaluated: string annotations, and annotations put off."""

    def handleStringAnnotation(self, *arguments: Any, **keywords: Any) -> None:
        pass

    def handle_annotation_always_deferred(self, annotation: ast.AST, parent: ast.AST) -> None:
        pass

    def handleAnnotation(self, annotation: ast.AST, node: ast.AST) -> None:
        of_local = isinstance(node, ast.AnnAssign) and isinstance(self.scope, FunctionScope)
        if not (self.annotationsFutureEnabled or of_local or isinstance(annotation, ast.Constant)):
            self.handleNode(annotation, node)

    def IF(self, node: ast.If) -> None:
        """Pass over what stands under `if TYPE_CHECKING:`: in a run, neither its uses nor its names exist."""
        if re.fullmatch(r"(\w+\.)?TYPE_CHECKING", ast.unparse(node.test)):
            for statement in node.orelse:
                self.handleNode(statement, node)
        else:
            super().IF(node)
