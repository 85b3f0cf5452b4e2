"""Imports that may fail, because the code goes on without them or asks first."""

from __future__ import annotations

import ast
import re

from kernelgen.inlining.source import ParsedSource

_CATCHING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
# Conditions on the machine: Kaggle's is Linux, and its Python is known.
_MACHINE = re.compile(r"\bsys\.platform\b|\bos\.name\b|\bversion_info\b|\bplatform\.system\b|\bfind_spec\b")
_TRIES = (ast.Try, ast.TryStar)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def is_optional(node: ast.AST, name: str, source: ParsedSource) -> bool:
    """Whether the code goes on where `name` cannot be imported.

    It does under `try … except ImportError` and `suppress(ImportError)` and under a condition on the system or the
    version of Python. It also does inside an `if`, `try` or function of a module that tries or asks for the same name
    elsewhere: `if HAVE_CUPY: import cupy`.
    """
    is_nested = leaves_function = False
    for child, parent in source.around(node):
        if not leaves_function:
            if isinstance(parent, _TRIES) and child in parent.body and _goes_on(parent):
                return True
            if isinstance(parent, ast.With) and child in parent.body and _suppresses(parent):
                return True
        if isinstance(parent, ast.If) and child is not parent.test and _MACHINE.search(ast.unparse(parent.test)):
            return True
        is_nested = is_nested or isinstance(parent, (ast.If, *_TRIES, *_FUNCTIONS))
        leaves_function = leaves_function or isinstance(parent, _FUNCTIONS)
    return is_nested and name in _asked_for(source)


def _goes_on(attempt: ast.Try | ast.TryStar) -> bool:
    return any(
        not any(isinstance(statement, ast.Raise) for statement in handler.body)
        and (handler.type is None or _catches(handler.type))
        for handler in attempt.handlers
    )


def _suppresses(block: ast.With) -> bool:
    calls = [item.context_expr for item in block.items if isinstance(item.context_expr, ast.Call)]
    return any(ast.unparse(call.func).endswith("suppress") and any(map(_catches, call.args)) for call in calls)


def _catches(node: ast.expr) -> bool:
    return not _CATCHING.isdisjoint(re.findall(r"\w+", ast.unparse(node)))


def _asked_for(source: ParsedSource) -> set[str]:
    """Names that are tried (`try: import cupy`) or handed to a function that may ask for them (`has("cupy")`)."""
    found: set[str] = set()
    for node in source.parents:
        if isinstance(node, _TRIES) and _goes_on(node):
            for statement in node.body:
                for part in ast.walk(statement):
                    if isinstance(part, ast.Import):
                        found |= {alias.name for alias in part.names}
                        found |= {alias.name.partition(".")[0] for alias in part.names}
                    elif isinstance(part, ast.ImportFrom):
                        found |= {part.module or "", (part.module or "").partition(".")[0]}
        elif isinstance(node, ast.Call):
            found |= {one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return found
