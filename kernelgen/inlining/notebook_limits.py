"""What a script can do and a notebook's cells cannot."""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from kernelgen.errors import KernelgenError
from kernelgen.inlining.evaluator import Evaluator
from kernelgen.inlining.scopes import FUNCTIONS
from kernelgen.inlining.source import Source
from kernelgen.inlining.values import External, Function
from kernelgen.inlining.walking import children_of
from kernelgen.searching import Search

_POOL_METHODS = frozenset(
    "map map_async imap imap_unordered starmap starmap_async apply apply_async submit Process Pool".split()
)
# IPython takes `>>>` and the like away from a whole cell if one of its first two lines begins with them.
_PROMPTS = (re.compile(r">>>(?: |$)|In \[\d+\]: |\s*\.{3,}: ?"), re.compile(r"(?:>>>|\.\.\.)(?: |$)|\s*\.{3,}: ?"))
# Worth looking for what fails within a kernel only where one of these is named.
_HINT = Search(
    r"asyncio|run_until_complete|run_forever|\.buffer\b|\breconfigure\b",
    words=("asyncio", "run_until_complete", "run_forever", ".buffer", "reconfigure"),
)
_LOOP = "an event loop runs already; await the coroutine in the cell, or let the library run it in a thread of its own"
_FAILING_CALLS = {"asyncio.run": _LOOP}
_FAILING_METHODS = {"run_until_complete": _LOOP, "run_forever": _LOOP}
_STREAMS = frozenset(f"sys.{stream}.{name}" for stream in ("stdout", "stderr") for name in ("buffer", "reconfigure"))


def check_cells(cells: Sequence[Source], evaluator: Evaluator) -> None:
    """Raises KernelgenError where code of a template would fail in a kernel, or hang, but not in a script."""
    for source in cells:
        for message in (*_prompts(source), *_limits(source, evaluator)):
            raise KernelgenError(message)
    for message in _exits(cells, evaluator):
        raise KernelgenError(message)


def check_run(cells: Sequence[Source], read: Iterable[Source], evaluator: Evaluator) -> None:
    """Raises KernelgenError where what the cells run, be it in the library, fails within a kernel.

    read: the sources of cells and library.
    """
    if not any(_hints(source) for source in read):
        return
    for node, source in _run_at_once(cells, evaluator):
        if not isinstance(node, (ast.Call, ast.Attribute)) or _asks_first(node, source):
            continue
        if isinstance(node, ast.Call):
            names = _names(node.func, source, evaluator)
            reason = next((_FAILING_CALLS[name] for name in names if name in _FAILING_CALLS), "")
            if isinstance(node.func, ast.Attribute):
                reason = reason or _FAILING_METHODS.get(node.func.attr, "")
            if reason:
                called = ast.unparse(node.func)
                raise KernelgenError(f"{source.where(node)}: {called}() fails in a notebook, where {reason}")
        elif _STREAMS.intersection(_names(node, source, evaluator)):
            raise KernelgenError(
                f"{source.where(node)}: {ast.unparse(node)} is not there in a notebook, whose output is no file; "
                "print the text, or ask by hasattr first"
            )


@cache
def _hints(source: Source) -> bool:
    return _HINT.finds(source.text)


def _prompts(source: Source) -> Iterator[str]:
    lines = source.text.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    for number, (line, prompt) in enumerate(zip(lines[first:], _PROMPTS, strict=False), first + source.first_line):
        if prompt.match(line):
            yield (
                f"{source.file}:{number}: IPython takes this line for the prompt of a pasted session, and takes "
                "all prompts out of the cell; put two other lines above it"
            )


def _limits(source: Source, evaluator: Evaluator) -> Iterator[str]:
    spawns = _spawns(source)
    for node in source.scopes.nodes:
        if isinstance(node, ast.Name) and node.id == "__file__" and isinstance(node.ctx, ast.Load):
            if "__file__" not in source.scopes.module.bindings and not _asks_first(node, source):
                yield (
                    f"{source.where(node)}: `__file__` has no value in a notebook; use Path.cwd(), a setting, or a "
                    "path that the library makes from its own `__file__`"
                )
        elif spawns and isinstance(node, ast.Call) and _hands_over_own_function(node, source, evaluator):
            yield (
                f"{source.where(node)}: hands a function of the notebook to a process that was started by spawn "
                "or forkserver, which cannot load it; move the function into the library, or start by fork"
            )


def _exits(cells: Sequence[Source], evaluator: Evaluator) -> Iterator[str]:
    """`exit()`, which does not stop a cell, and statuses that count as failures."""
    last = _last_statement(cells[-1].tree.body) if cells else None
    for source in cells:
        for node in source.scopes.nodes:
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"exit", "quit"}:
                final = source.scopes.parent_of.get(node) is last
                if not final and _names(node.func, source, evaluator) & {"builtins.exit", "builtins.quit"}:
                    yield f"{source.where(node)}: {node.func.id}() does not stop a notebook's cell; use sys.exit()"
            elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                status = node.exc.args[0]
                if getattr(node.exc.func, "id", "") == "SystemExit" and _is_none(status, source, evaluator):
                    yield (
                        f"{source.where(node)}: a notebook that ends with SystemExit(None) counts as failed; "
                        f"write sys.exit({ast.unparse(status)})"
                    )


def _last_statement(body: list[ast.stmt]) -> ast.stmt | None:
    while body and isinstance(body[-1], ast.If):
        body = body[-1].body
    return body[-1] if body else None


def _is_none(node: ast.AST, source: Source, evaluator: Evaluator) -> bool:
    """Whether an expression is None, or calls a function that returns nothing."""
    if isinstance(node, ast.Constant):
        return node.value is None
    functions = evaluator.values(node.func, source) if isinstance(node, ast.Call) else ()
    return bool(functions) and all(
        isinstance(one, Function)
        and isinstance(one.node, ast.FunctionDef)
        and not any(isinstance(part, (ast.Return, ast.Yield)) and part.value for part in ast.walk(one.node))
        for one in functions
    )


def _names(node: ast.AST, source: Source, evaluator: Evaluator) -> set[str]:
    return {value.name for value in evaluator.values(node, source) if isinstance(value, External)}


def _run_at_once(cells: Sequence[Source], evaluator: Evaluator) -> Iterator[tuple[ast.AST, Source]]:
    """What the cells execute: themselves, and bodies of functions that they call by name, here or in the library."""
    parts: list[tuple[ast.AST, Source]] = [(source.tree, source) for source in cells]
    seen: set[ast.AST] = set()
    while parts:
        part, source = parts.pop()
        body = getattr(part, "body", part)
        stack = list(reversed(body)) if isinstance(body, list) else [body]
        while stack:
            node = stack.pop()
            yield node, source
            if isinstance(node, ast.Call):
                for value in evaluator.values(node.func, source):
                    if isinstance(value, Function) and value.node not in seen:
                        seen.add(value.node)
                        if not isinstance(value.node, ast.AsyncFunctionDef):
                            parts.append((value.node, value.source))
            if not isinstance(node, FUNCTIONS):
                stack.extend(reversed(children_of(node)))


def _asks_first(node: ast.AST, source: Source) -> bool:
    """Whether a node is tried, or stands under a condition that asks for it by name."""
    asked = {getattr(node, "attr", ""), getattr(node, "id", ""), "isatty"}
    for child, parent in source.scopes.ancestors(node):
        if isinstance(parent, ast.Try) and child in parent.body:
            return True
        if isinstance(parent, (ast.If, ast.IfExp, ast.BoolOp)) and any(
            isinstance(one, ast.Constant) and one.value in asked or getattr(one, "attr", "") == "isatty"
            for one in ast.walk(parent.test if hasattr(parent, "test") else parent)
        ):
            return True
    return False


def _spawns(source: Source) -> bool:
    for node in source.scopes.of_types(ast.Call):
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
