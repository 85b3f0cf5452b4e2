"""Which bindings of a name may hold where it is used."""

import ast

from kernelgen.inlining.scopes import LOOPS, Binding, Scope
from kernelgen.inlining.source import Source


def reaching(use: ast.Name, scope: Scope, own: Scope | None, source: Source) -> list[Binding]:
    """The bindings of a name that may hold where it is used: earlier ones are overwritten by later ones."""
    bindings = scope.bindings[use.id]
    if scope is not own or len(bindings) < 2 or not hasattr(use, "lineno"):
        return bindings
    position = (use.lineno, use.col_offset)
    above = {parent for _, parent in source.scopes.ancestors(use)}
    ordered = sorted(bindings, key=_place)
    reaching: list[Binding] = []
    for binding in ordered:
        if _place(binding) < position:
            block = source.scopes.parent_of.get(binding.statement)
            if (block in above or isinstance(block, ast.Module)) and _same_branch(block, binding, use, source):
                reaching = []
            reaching.append(binding)
        elif any(isinstance(one, LOOPS) and one in above for one in _above(binding.statement, source)):
            reaching.append(binding)
    return reaching or bindings


def _place(binding: Binding) -> tuple[int, int]:
    """Where a binding takes effect: after its statement, or where its block begins."""
    statement = binding.statement
    if binding.how in {"element", "context"}:
        return (getattr(statement, "lineno", 0), getattr(statement, "col_offset", 0))
    return (getattr(statement, "end_lineno", 0) or 0, getattr(statement, "end_col_offset", 0) or 0)


def _above(node: ast.AST, source: Source) -> list[ast.AST]:
    return [parent for _, parent in source.scopes.ancestors(node)]


def _same_branch(block: ast.AST, binding: Binding, use: ast.AST, source: Source) -> bool:
    """Whether a statement and a use lie in the same list of statements of `block` (body, else, …)."""
    top = next((child for child, parent in source.scopes.ancestors(use) if parent is block), use)
    for name in ("body", "orelse", "finalbody", "handlers"):
        statements = getattr(block, name, None)
        if isinstance(statements, list) and binding.statement in statements:
            return top in statements
    return isinstance(binding.statement, ast.expr)
