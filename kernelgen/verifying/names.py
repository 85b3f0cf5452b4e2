"""Names that no one defines, in code that is evaluated."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection
from dataclasses import dataclass

from kernelgen.verifying.evaluated_names import undefined

# IPython puts these among the builtins, so that modules see them too.
EVERYWHERE = frozenset({"display", "get_ipython", "__IPYTHON__"})
IN_CELLS = EVERYWHERE | frozenset("In Out _ __ ___ _i _ii _iii _ih _oh _dh exit quit".split())


@dataclass(frozen=True)
class Injected:
    """What a piece of code may put into other modules: names, or names that cannot be known."""

    names: frozenset[str]
    anything: bool


def undefined_names(
    tree: ast.Module, where: str, *, known: Collection[str] = (), in_notebook: bool = False
) -> list[tuple[int, str]]:
    """(line, name) of each name that the evaluated code of a tree uses and nothing defines.

    Nothing is said of code that makes names while it runs (globals(), exec, sys.modules).
    """
    if _makes_names(tree):
        return []
    found = undefined(tree, where, known)
    if in_notebook:
        uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "__file__"]
        if not any(isinstance(node.ctx, ast.Store) for node in uses):
            found += [(node.lineno, "__file__") for node in uses if not _guarded(tree, node)]
    return sorted(set(found) - {(line, name) for line, name in found if hasattr(builtins, name)})


def injections(*parts: ast.Module) -> Injected:
    """What code may put into other modules: attributes that it sets, and setattr on imported modules.

    Args:
        parts: of one module or notebook.
    """
    nodes = [node for tree in parts for node in ast.walk(tree)]
    imported: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    names: set[str] = set()
    anything = False
    for node in nodes:
        if isinstance(node, ast.Attribute):
            if isinstance(node.ctx, ast.Store):
                if _is_module(node.value, imported):
                    names.add(node.attr)
            elif node.attr == "__dict__" and _is_module(node.value, imported):
                anything = True
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "id", None)
            if called == "setattr" and len(node.args) > 1 and _is_module(node.args[0], imported):
                name = node.args[1]
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    names.add(name.value)
                else:
                    anything = True
            elif called == "vars":
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


def _makes_names(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("globals", "exec", "locals") or (node.func.id == "vars" and not node.args):
                return True
        elif isinstance(node, ast.Subscript) and getattr(node.value, "attr", None) == "modules":
            return True
    return False


def _guarded(tree: ast.Module, name: ast.Name) -> bool:
    """Whether the use stands in a ``try`` that catches a NameError."""
    for attempt in (node for node in ast.walk(tree) if isinstance(node, ast.Try)):
        if any(part is name for statement in attempt.body for part in ast.walk(statement)):
            for handler in attempt.handlers:
                caught = ast.unparse(handler.type) if handler.type else "NameError"
                if any(kind in caught for kind in ("NameError", "Exception")):
                    return True
    return False
