"""Names that no one defines, in code that is evaluated."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyflakes import messages
from pyflakes.checker import Checker, FunctionScope

# IPython puts these among the builtins, so that modules see them too.
EVERYWHERE = frozenset({"display", "get_ipython", "__IPYTHON__"})
IN_CELLS = EVERYWHERE | {
    "In",
    "Out",
    "_",
    "__",
    "___",
    "_i",
    "_ii",
    "_iii",
    "_ih",
    "_oh",
    "_dh",
    "exit",
    "quit",
}


@dataclass(frozen=True)
class Injected:
    """What a piece of code may put into other modules: names, or names that cannot be known."""

    names: frozenset[str]
    anything: bool


class _EvaluatedNames(Checker):
    """pyflakes, blind to what is never evaluated: string annotations, and annotations put off."""

    def handleStringAnnotation(self, *arguments: Any, **keywords: Any) -> None:
        pass

    def handle_annotation_always_deferred(self, annotation: ast.AST, parent: ast.AST) -> None:
        pass

    def handleAnnotation(self, annotation: ast.AST, node: ast.AST) -> None:
        if self.annotationsFutureEnabled:
            return
        if isinstance(node, ast.AnnAssign) and isinstance(self.scope, FunctionScope):
            return
        if not (isinstance(annotation, ast.Constant) and isinstance(annotation.value, str)):
            self.handleNode(annotation, node)

    def IF(self, node: ast.If) -> None:
        """Passes over what stands under ``if TYPE_CHECKING``: neither its uses nor its names exist in a run."""
        test, taken = node.test, node.orelse
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test, taken = test.operand, node.body
        if "TYPE_CHECKING" in (getattr(test, "id", ""), getattr(test, "attr", "")):
            for statement in taken:
                self.handleNode(statement, node)
        else:
            super().IF(node)


def undefined_names(
    tree: ast.Module,
    nodes: Sequence[ast.AST],
    where: str,
    *,
    known: Iterable[str] = (),
    in_notebook: bool = False,
) -> list[tuple[int, str]]:
    """(line, name) of each name that the evaluated code of ``tree`` uses and nothing defines.

    Nothing is said of code that makes names while it runs (globals(), exec, sys.modules).

    Args:
        nodes: all nodes of ``tree``.
    """
    if _makes_names(nodes):
        return []
    checker = _EvaluatedNames(tree, filename=where, builtins=set(known))
    found = [
        (message.lineno, message.message_args[0])
        for message in checker.messages
        if isinstance(message, messages.UndefinedName)
    ]
    if in_notebook and not any(_binds_file(node) for node in nodes):
        found += [
            (node.lineno, "__file__")
            for node in nodes
            if isinstance(node, ast.Name) and node.id == "__file__" and not _guarded(nodes, node)
        ]
    return sorted(set(found) - {(line, name) for line, name in found if hasattr(builtins, name)})


def injections(nodes: Sequence[ast.AST]) -> Injected:
    """What the code may put into other modules: attributes that it sets, and setattr on imported modules."""
    imported = set()
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    names: set[str] = set()
    anything = False
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if _is_module(node.value, imported):
                names.add(node.attr)
        elif (
            isinstance(node, ast.Call) and getattr(node.func, "id", None) == "setattr" and len(node.args) > 1
        ):
            name = node.args[1]
            if not _is_module(node.args[0], imported):
                continue
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                names.add(name.value)
            else:
                anything = True
        elif isinstance(node, ast.Attribute) and node.attr == "__dict__" and _is_module(node.value, imported):
            anything = True
        elif isinstance(node, ast.Call) and getattr(node.func, "id", None) == "vars":
            anything = anything or any(_is_module(argument, imported) for argument in node.args)
    return Injected(frozenset(names), anything)


def _is_module(node: ast.AST, imported: set[str]) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    if isinstance(node, ast.Name):
        return node.id in imported
    if isinstance(node, ast.Subscript):
        return getattr(node.value, "attr", None) == "modules"
    return isinstance(node, ast.Call) and "import" in str(
        getattr(node.func, "attr", None) or getattr(node.func, "id", "")
    )


def _makes_names(nodes: Sequence[ast.AST]) -> bool:
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("globals", "exec", "locals") or (node.func.id == "vars" and not node.args):
                return True
        elif isinstance(node, ast.Subscript) and getattr(node.value, "attr", None) == "modules":
            return True
    return False


def _binds_file(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "__file__" and isinstance(node.ctx, ast.Store)


def _guarded(nodes: Sequence[ast.AST], name: ast.Name) -> bool:
    """Whether the use stands in a ``try`` that catches a NameError."""
    for node in nodes:
        if isinstance(node, ast.Try) and any(name is inner for part in node.body for inner in ast.walk(part)):
            for handler in node.handlers:
                caught = ast.unparse(handler.type) if handler.type else "NameError"
                if any(kind in caught for kind in ("NameError", "Exception")):
                    return True
    return False
