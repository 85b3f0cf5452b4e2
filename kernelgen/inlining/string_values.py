"""Strings that an expression can be, as far as they stand literally in the same source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import cached_property

from kernelgen.inlining.source import ParsedSource

# Ends a string whose rest cannot be read: f"pk.models.{name}" gives "pk.models." and this sign.
OPEN = "\0"
_UNREADABLE = (OPEN,)
_MOST = 200
_CHANGING = frozenset("append extend insert add update setdefault pop remove clear".split())
_Bound = tuple[str, ast.AST]


class Literals:
    """Reads the strings of one source: literals, and names that are bound to nothing but literals."""

    def __init__(self, source: ParsedSource):
        self.source = source

    def texts(self, node: ast.AST | None, depth: int = 8) -> tuple[str, ...]:
        """What an expression can be; a string that ends in `OPEN` is known up to there."""
        if node is None or not depth:
            return _UNREADABLE
        match node:
            case ast.Constant(value=str(text)):
                return (text,)
            case ast.Name():
                return self._of_name(node, depth)
            case ast.IfExp(body=one, orelse=other):
                return _any(self.texts(part, depth - 1) for part in (one, other))
            case ast.Subscript(value=table) | ast.Call(func=ast.Attribute(attr="get", value=table), args=[_]):
                return self.elements(table, depth - 1, of_keys=False)
            case ast.FormattedValue(value=value, format_spec=None):
                return self.texts(value, depth - 1)
            case ast.JoinedStr(values=parts):
                return _joined(self.texts(part, depth - 1) for part in parts)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return _joined(self.texts(part, depth - 1) for part in (left, right))
            case ast.BinOp(op=ast.Mod(), left=pattern) | ast.Call(func=ast.Attribute(attr="format", value=pattern)):
                return tuple(re.split("[%{]", text)[0] + OPEN for text in self.texts(pattern, depth - 1))
        return _UNREADABLE

    def elements(self, node: ast.AST, depth: int = 8, *, of_keys: bool = True) -> tuple[str, ...]:
        """What the elements of a list, tuple or set can be, or the keys (or the values) of a dict."""
        match node:
            case ast.List() | ast.Tuple() | ast.Set():
                return _any(self.texts(element, depth - 1) for element in node.elts)
            case ast.Dict():
                parts = node.keys if of_keys else node.values
                return _any(self.texts(part, depth - 1) for part in parts)
            case ast.Call(func=ast.Attribute(attr="keys" | "values" as attribute, value=value), args=[]):
                return self.elements(value, depth - 1, of_keys=attribute == "keys")
            case ast.Name():
                bindings = self._bindings.get(node.id, [])
                if bindings and depth and all(how == "value" for how, _ in bindings):
                    return _any(self.elements(value, depth - 1, of_keys=of_keys) for _, value in bindings)
        return _UNREADABLE

    def _of_name(self, node: ast.Name, depth: int) -> tuple[str, ...]:
        if node.id in {"__name__", "__package__"}:
            return (self.source.name if node.id == "__name__" else self.source.package or "",)
        around = {parent for _, parent in self.source.around(node)}
        bindings = [
            (how, bound)
            for how, bound in self._bindings.get(node.id, [])
            if how != "parameter" or bound in around  # another function's parameter is another name
        ]
        found = []
        for how, bound in bindings:
            if how == "value":
                found.append(self.texts(bound, depth - 1))
            elif how == "each":
                found.append(self.elements(bound, depth - 1))
            elif how == "parameter":
                found.append(self._asked_of(node, bound, depth))
            else:
                return _UNREADABLE
        return _any(found) if found else _UNREADABLE

    def _asked_of(self, node: ast.Name, function: ast.AST, depth: int) -> tuple[str, ...]:
        """What a parameter can be by `if name in TABLE`, with which lazy packages choose a submodule."""
        tables = [
            part.comparators[0]
            for part in ast.walk(function)
            if isinstance(part, ast.Compare) and isinstance(part.ops[0], (ast.In, ast.NotIn))
            if isinstance(part.left, ast.Name) and part.left.id == node.id
        ]
        return _any(self.elements(table, depth - 1) for table in tables) if tables else _UNREADABLE

    @cached_property
    def _bindings(self) -> dict[str, list[_Bound]]:
        """For each name of the source, in whatever scope, what binds it and how."""
        found: dict[str, list[_Bound]] = {}
        seen: set[ast.AST] = set()

        def bind(target: ast.AST, how: str, value: ast.AST) -> None:
            if isinstance(target, ast.Name):
                seen.add(target)
                found.setdefault(target.id, []).append((how, value))

        parents = self.source.parents
        for node in parents:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    bind(target, "value", node.value)
            elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
                bind(node.target, "value", node.value)
            elif isinstance(node, (ast.For, ast.comprehension)):
                bind(node.target, "each", node.iter)
            elif isinstance(node, ast.arg):
                function = parents[parents[node]]
                found.setdefault(node.arg, []).append(("parameter", function))
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.setdefault(node.name, []).append(("other", node))
            elif isinstance(node, ast.alias):
                found.setdefault(node.asname or node.name.partition(".")[0], []).append(("other", node))
            elif isinstance(node, ast.Name) and self._changes(node) and node not in seen:
                found.setdefault(node.id, []).append(("other", node))
        return found

    def _changes(self, node: ast.Name) -> bool:
        """Whether a name is bound otherwise here, or what it stands for is changed."""
        parent = self.source.parents[node]
        if isinstance(parent, ast.Subscript) and parent.value is node:
            return not isinstance(parent.ctx, ast.Load)
        if isinstance(parent, ast.Attribute):
            return parent.attr in _CHANGING and isinstance(self.source.parents.get(parent), ast.Call)
        return not isinstance(node.ctx, ast.Load)


def is_read(text: str) -> bool:
    """Whether a string was read to its end."""
    return OPEN not in text


def _joined(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    found: tuple[str, ...] = ("",)
    for part in parts:
        found = _any((text if OPEN in text else text + more,) for text in found for more in part)
    return found


def _any(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(text for group in groups for text in group))
    return found if len(found) <= _MOST else _UNREADABLE
