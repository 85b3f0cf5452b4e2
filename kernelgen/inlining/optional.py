"""Imports that may fail, because the code goes on without them or asks first."""

from __future__ import annotations

import ast
import re

from kernelgen.inlining.source import FUNCTIONS, ParsedSource

_CATCHING = re.compile(r"\b(ImportError|\w*NotFound(Error)?|Exception|BaseException)\b")
# Conditions on the machine: Kaggle's is Linux, and its Python is known.
_MACHINE = re.compile(r"\bsys\.platform\b|\bos\.name\b|\bversion_info\b|\bplatform\.system\b|\bfind_spec\b")


def is_optional(node: ast.AST, name: str, source: ParsedSource) -> bool:
    """Whether the code goes on where `name` cannot be imported.

    It does under `try … except ImportError` and `suppress(ImportError)` and under a condition on the system or the
    version of Python. It also does inside an `if` or function of a module that tries or asks for the same name
    elsewhere: `if HAVE_CUPY: import cupy`, `has("cupy")`.
    """
    around = [parent for _, parent in source.around(node)]
    conditions = [ast.unparse(parent.test) for parent in around if isinstance(parent, ast.If)]
    if is_tried(node, source) or any(map(_MACHINE.search, conditions)):
        return True
    if not any(isinstance(parent, (ast.If, ast.Try, *FUNCTIONS)) for parent in around):
        return False
    asked = {getattr(argument, "value", None) for call in source.calls for argument in call.args}
    for other in source.parents:
        if isinstance(other, (ast.Import, ast.ImportFrom)) and is_tried(other, source):
            names = [getattr(other, "module", None) or "", *(alias.name for alias in other.names)]
            asked |= {part for full in names for part in (full, full.partition(".")[0])}
    return name in asked


def is_tried(node: ast.AST, source: ParsedSource) -> bool:
    """Whether an ImportError would be caught in the same function, and not raised again."""
    for child, parent in source.around(node):
        if isinstance(parent, FUNCTIONS):
            return False
        if isinstance(parent, (ast.Try, ast.With)) and child in parent.body and _goes_on(parent):
            return True
    return False


def _goes_on(block: ast.Try | ast.With) -> bool:
    if isinstance(block, ast.With):
        calls = [ast.unparse(item.context_expr) for item in block.items]
        return any("suppress(" in call and _CATCHING.search(call) for call in calls)
    return any(
        not any(isinstance(statement, ast.Raise) for statement in handler.body)
        and (handler.type is None or _CATCHING.search(ast.unparse(handler.type)))
        for handler in block.handlers
    )
