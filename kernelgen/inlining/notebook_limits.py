"""What a script can do and a notebook's cells cannot."""

import ast
from collections.abc import Iterator

from kernelgen.errors import KernelgenError
from kernelgen.inlining.evaluator import Evaluator
from kernelgen.inlining.source import Source
from kernelgen.inlining.values import External, Function

_POOL_METHODS = frozenset(
    "map map_async imap imap_unordered starmap starmap_async apply apply_async submit Process Pool".split()
)


def check_code(source: Source, evaluator: Evaluator) -> None:
    """Raises KernelgenError where code of a template would fail in a kernel, or hang, but not in a script."""
    for message in _limits(source, evaluator):
        raise KernelgenError(message)


def _limits(source: Source, evaluator: Evaluator) -> Iterator[str]:
    spawns = _spawns(source)
    for node in source.scopes.nodes:
        if isinstance(node, ast.Name) and node.id == "__file__" and isinstance(node.ctx, ast.Load):
            if "__file__" not in source.scopes.module.bindings and not _asks_first(node, source):
                yield (
                    f"{source.where(node)}: `__file__` has no value in a notebook; use Path.cwd(), a setting, or a "
                    "path that the library makes from its own `__file__`"
                )
        elif isinstance(node, ast.Call):
            if _is_run_at_once(node, source) and _calls(node, "asyncio.run", source, evaluator):
                yield (
                    f"{source.where(node)}: asyncio.run() fails in a notebook, where an event loop runs already; "
                    "await the coroutine in the cell, or let the library run it in a thread of its own"
                )
            if spawns and _hands_over_own_function(node, source, evaluator):
                yield (
                    f"{source.where(node)}: hands a function of the notebook to a process that was started by spawn "
                    "or forkserver, which cannot load it; move the function into the library, or start by fork"
                )


def _asks_first(node: ast.AST, source: Source) -> bool:
    for child, parent in source.scopes.ancestors(node):
        if isinstance(parent, ast.Try) and child in parent.body:
            return True
        if isinstance(parent, (ast.If, ast.IfExp, ast.BoolOp)) and any(
            isinstance(one, ast.Constant) and one.value == "__file__" for one in ast.walk(parent)
        ):
            return True
    return False


def _calls(node: ast.Call, name: str, source: Source, evaluator: Evaluator) -> bool:
    values = evaluator.values(node.func, source)
    return any(isinstance(value, External) and value.name == name for value in values)


def _is_run_at_once(node: ast.AST, source: Source) -> bool:
    """Whether a node is executed by the cell itself: at its top, or in a function that its top calls by name."""
    for _, parent in source.scopes.ancestors(node):
        if isinstance(parent, ast.Try):
            return False
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            name = getattr(parent, "name", "")
            return any(
                isinstance(one, ast.Call)
                and isinstance(one.func, ast.Name)
                and one.func.id == name
                and source.scopes.scope_of[one] is source.scopes.module
                for one in source.scopes.nodes
            )
    return True


def _spawns(source: Source) -> bool:
    for node in source.scopes.nodes:
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            chosen = [*node.args, *(one.value for one in node.keywords)]
            if name in {"get_context", "set_start_method"} and any(
                isinstance(one, ast.Constant) and one.value in {"spawn", "forkserver"} for one in chosen
            ):
                return True
    return False


def _hands_over_own_function(node: ast.Call, source: Source, evaluator: Evaluator) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if name not in _POOL_METHODS and getattr(node.func, "id", "") != "Process":
        return False
    for argument in [
        *node.args,
        *(one.value for one in node.keywords if one.arg in {"target", "initializer", "func"}),
    ]:
        for value in evaluator.values(argument, source):
            if isinstance(value, Function) and value.source.module is None:
                return True
    return False
