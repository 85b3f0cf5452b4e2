"""Packages that a kernel imports and Kaggle's image does not hold."""

from __future__ import annotations

import ast
from collections.abc import Collection
from typing import TYPE_CHECKING

from kernelgen.kaggle_image import kaggle_image

if TYPE_CHECKING:
    from kernelgen.inlining.closure import Closure


def third_party_problems(closure: Closure, provided: Collection[str], answered_for: Collection[str] = ()) -> list[str]:
    """A line for each import of a package that neither the image nor a wheel dataset holds.

    Args:
        provided: import names that attached wheel datasets hold.
        answered_for: places ("pk/a.py:3") of imports whose absence the code answers for itself.
    """
    image = kaggle_image()
    lines: dict[str, None] = {}
    for package in closure.third_party:
        if package.guarded or package.where in answered_for:
            continue
        if package.root in image.packages or package.root in provided:
            continue
        lines[
            f"{package.where}: imports {package.root}, which Kaggle's image of {image.date} does not hold; "
            f"attach a wheel dataset that provides it, or guard the import by try/except ImportError"
        ] = None
    return list(lines)


def answered_lines(tree: ast.Module) -> set[int]:
    """Lines of imports in functions, under a ``try`` that catches an ImportError.

    Whatever the handler does, if only to raise something clearer: only who calls the function needs the
    package.
    """
    nodes = list(ast.walk(tree))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lines: set[int] = set()
    for attempt in (node for node in nodes if isinstance(node, ast.Try)):
        if not any(one.lineno <= attempt.lineno <= (one.end_lineno or 0) for one in functions):
            continue
        caught = [ast.unparse(handler.type) if handler.type else "Exception" for handler in attempt.handlers]
        if any(name in text for text in caught for name in ("ImportError", "ModuleNotFound", "Exception")):
            lines |= {
                node.lineno
                for statement in attempt.body
                for node in ast.walk(statement)
                if isinstance(node, ast.Import | ast.ImportFrom | ast.Call)
            }
    return lines
