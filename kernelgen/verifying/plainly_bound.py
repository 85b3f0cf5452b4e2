"""Code in which every name is plainly bound, told from the scopes that the inliner has worked out already."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection

from kernelgen.inlining.scopes import COMPREHENSIONS, FUNCTIONS, Binding, Scope, Scopes

_BUILTINS = frozenset(dir(builtins))


def is_plainly_bound(scopes: Scopes, known: Collection[str] = ()) -> bool:
    """Whether each name is ``known``, a builtin, or bound where nobody could doubt it.

    That is further up in the scope of its use, or anywhere in a scope around the function that uses it. Then
    pyflakes has no undefined name to find, for which it takes five times as long. What is less plain is left to
    it: names that are deleted, names for type checkers alone.
    """
    names = scopes.of_types(ast.Name)
    if any(isinstance(one.ctx, ast.Del) or one.id == "TYPE_CHECKING" for one in names):
        return False
    if any(one.attr == "TYPE_CHECKING" for one in scopes.of_types(ast.Attribute)):
        return False
    uses = [one for one in names if isinstance(one.ctx, ast.Load)]
    uses += [one.target for one in scopes.of_types(ast.AugAssign) if isinstance(one.target, ast.Name)]
    parameters = [one for one in scopes.of_types(ast.arg) if one.annotation]
    annotated = {name: one for one in parameters for name in ast.walk(one.annotation)}
    for use in uses:
        scope = scopes.scope_of[use]
        if use in annotated:
            if scope is not scopes.scope_of[annotated[use]]:
                return False
            scope = scope.above  # where the function is made
        if not (_is_bound(use, scope, scopes) or use.id in _BUILTINS or use.id in known):
            return False
    return True


def _is_bound(use: ast.Name, own: Scope, scopes: Scopes) -> bool:
    scope, is_later = own, False
    while scope is not None:
        if scope is own or not isinstance(scope.node, ast.ClassDef):
            bindings = scope.bindings.get(use.id, ())
            if any(isinstance(one.statement, ast.ExceptHandler) for one in bindings):
                return scope is own and _is_caught(use, own, scopes)
            if bindings and (is_later or any(_is_before(one, use, scope, scopes) for one in bindings)):
                return True
        # A function's body runs when all that is around it is there.
        is_later = is_later or isinstance(scope.node, FUNCTIONS)
        scope = scope.above
    return False


def _is_before(binding: Binding, use: ast.Name, scope: Scope, scopes: Scopes) -> bool:
    """Whether a name is bound when it is used in the same scope, or in a comprehension there."""
    if binding.how == "parameter":
        return True
    place = (use.lineno, use.col_offset)
    if isinstance(scope.node, COMPREHENSIONS):
        # What stands first in a comprehension is worked out last.
        target = scope.node.generators[0].target
        if place < (target.lineno, target.col_offset):
            return True
    bound = binding.node if binding.how in ("element", "context", "other") else binding.statement
    if isinstance(bound, ast.NamedExpr):
        # The parts of an expression are worked out in an order of their own.
        bound = next(child for child, parent in scopes.ancestors(bound) if not isinstance(parent, ast.expr))
    return (bound.end_lineno, bound.end_col_offset) <= place


def _is_caught(use: ast.Name, own: Scope, scopes: Scopes) -> bool:
    """Whether a use stands in the body of a handler that binds its name; after it the name is gone."""
    return any(
        isinstance(parent, ast.ExceptHandler) and parent.name == use.id and child is not parent.type
        for child, parent in scopes.ancestors(use)
        if scopes.scope_of[parent] is own
    )
